//! What /workspace and /tmp hold, as a stream of records. Written and read only inside of sandboxes, by the agent's
//! helpers: the server keeps the bytes and never looks into them.
//!
//! Directories are entered and left, so that no path is ever written: however deep a tree is, a record is as long as its
//! own name, and both sides hold one directory open at a time. A copy has the names, modes, modification times, symbolic
//! and hard links, FIFOs, sockets and holes of what was packed. It has no extended attributes.

mod pack;
mod unpack;

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;

pub(super) use pack::pack;
pub(super) use unpack::unpack;

/// What is packed, in this order.
const ROOTS: [&CStr; 2] = [c"/workspace", c"/tmp"];

/// How much is copied at a time.
const CHUNK: usize = 256 * 1024;

/// No name and no target of a link is longer.
const LONGEST_NAME: u64 = 4096;

/// What every entry but a hard link has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Meta {
    mode: u32,
    seconds: i64,
    nanos: u32,
}

/// One step through a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Record {
    /// Begins a tree. `staging` is a name that nothing in its root has.
    Root {
        meta: Meta,
        staging: CString,
    },
    Enter {
        name: CString,
        meta: Meta,
    },
    Leave,
    /// Its extents follow, up to one without a length. With a `link` other than 0, more names of it may follow.
    File {
        name: CString,
        meta: Meta,
        size: u64,
        link: u64,
    },
    /// Bytes follow.
    Extent {
        offset: u64,
        length: u64,
    },
    /// One more name of a file.
    HardLink {
        name: CString,
        link: u64,
    },
    Symlink {
        name: CString,
        meta: Meta,
        target: CString,
    },
    Fifo {
        name: CString,
        meta: Meta,
    },
    Socket {
        name: CString,
        meta: Meta,
    },
    /// After the last tree: what ends without it is not whole.
    End,
}

impl Record {
    fn tag(&self) -> u8 {
        match self {
            Self::Root { .. } => 1,
            Self::Enter { .. } => 2,
            Self::Leave => 3,
            Self::File { .. } => 4,
            Self::Extent { .. } => 5,
            Self::HardLink { .. } => 6,
            Self::Symlink { .. } => 7,
            Self::Fifo { .. } => 8,
            Self::Socket { .. } => 9,
            Self::End => 10,
        }
    }
}

struct Writer<W: Write>(W);

impl Writer<BufWriter<File>> {
    fn new(file: OwnedFd) -> Self {
        Self(BufWriter::with_capacity(CHUNK, file.into()))
    }
}

impl<W: Write> Writer<W> {
    fn record(&mut self, record: &Record) -> Result<(), Errno> {
        self.bytes(&[record.tag()])?;
        match record {
            Record::Root { meta, staging: name }
            | Record::Enter { name, meta }
            | Record::Fifo { name, meta }
            | Record::Socket { name, meta } => {
                self.name(name)?;
                self.meta(*meta)
            }
            Record::Leave | Record::End => Ok(()),
            Record::File { name, meta, size, link } => {
                self.name(name)?;
                self.meta(*meta)?;
                self.number(*size)?;
                self.number(*link)
            }
            Record::Extent { offset, length } => {
                self.number(*offset)?;
                self.number(*length)
            }
            Record::HardLink { name, link } => {
                self.name(name)?;
                self.number(*link)
            }
            Record::Symlink { name, meta, target } => {
                self.name(name)?;
                self.meta(*meta)?;
                self.name(target)
            }
        }
    }

    fn meta(&mut self, meta: Meta) -> Result<(), Errno> {
        self.number(u64::from(meta.mode))?;
        self.number(meta.seconds as u64)?;
        self.number(u64::from(meta.nanos))
    }

    fn name(&mut self, name: &CStr) -> Result<(), Errno> {
        self.number(name.to_bytes().len() as u64)?;
        self.bytes(name.to_bytes())
    }

    fn number(&mut self, number: u64) -> Result<(), Errno> {
        self.bytes(&number.to_le_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.0.write_all(bytes).map_err(errno)
    }

    fn flush(&mut self) -> Result<(), Errno> {
        self.0.flush().map_err(errno)
    }
}

struct Reader<R: BufRead>(R);

impl Reader<BufReader<FromStart>> {
    fn new(file: OwnedFd) -> Self {
        Self(BufReader::with_capacity(CHUNK, FromStart { file: file.into(), position: 0 }))
    }
}

impl<R: BufRead> Reader<R> {
    fn record(&mut self) -> Result<Record, Errno> {
        let mut tag = [0];
        self.bytes(&mut tag)?;
        Ok(match tag[0] {
            1 => {
                let staging = self.entry()?;
                Record::Root { staging, meta: self.meta()? }
            }
            2 => Record::Enter { name: self.entry()?, meta: self.meta()? },
            3 => Record::Leave,
            4 => Record::File {
                name: self.entry()?,
                meta: self.meta()?,
                size: self.number()?,
                link: self.number()?,
            },
            5 => Record::Extent { offset: self.number()?, length: self.number()? },
            6 => Record::HardLink { name: self.entry()?, link: self.number()? },
            7 => {
                let (name, meta) = (self.entry()?, self.meta()?);
                Record::Symlink { name, meta, target: self.name()? }
            }
            8 => Record::Fifo { name: self.entry()?, meta: self.meta()? },
            9 => Record::Socket { name: self.entry()?, meta: self.meta()? },
            10 => Record::End,
            _ => return Err(Errno::EBADMSG),
        })
    }

    fn meta(&mut self) -> Result<Meta, Errno> {
        let mode = (self.number()? & 0o7777) as u32;
        let seconds = self.number()? as i64;
        let nanos = u32::try_from(self.number()?).map_err(|_| Errno::EBADMSG)?;
        Ok(Meta { mode, seconds, nanos })
    }

    /// The name of an entry, which leads nowhere but into its directory.
    fn entry(&mut self) -> Result<CString, Errno> {
        let name = self.name()?;
        match name.to_bytes() {
            b"" | b"." | b".." => Err(Errno::EBADMSG),
            bytes if bytes.contains(&b'/') => Err(Errno::EBADMSG),
            _ => Ok(name),
        }
    }

    fn name(&mut self) -> Result<CString, Errno> {
        let length = self.number()?;
        if length > LONGEST_NAME {
            return Err(Errno::EBADMSG);
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| Errno::EBADMSG)?];
        self.bytes(&mut bytes)?;
        CString::new(bytes).map_err(|_| Errno::EBADMSG)
    }

    fn number(&mut self) -> Result<u64, Errno> {
        let mut bytes = [0; 8];
        self.bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn bytes(&mut self, bytes: &mut [u8]) -> Result<(), Errno> {
        self.0.read_exact(bytes).map_err(errno)
    }

    /// Copies the bytes of an extent to where they belong.
    fn copy(&mut self, to: &File, mut offset: u64, mut length: u64) -> Result<(), Errno> {
        while length > 0 {
            let ready = self.0.fill_buf().map_err(errno)?;
            let most = usize::try_from(length).unwrap_or(usize::MAX).min(ready.len());
            if most == 0 {
                return Err(Errno::EBADMSG);
            }
            to.write_all_at(&ready[..most], offset).map_err(errno)?;
            self.0.consume(most);
            offset += most as u64;
            length -= most as u64;
        }
        Ok(())
    }
}

/// Reads a file from its start, wherever others who share the descriptor are.
struct FromStart {
    file: File,
    position: u64,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

fn errno(error: io::Error) -> Errno {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Errno::EBADMSG,
        _ => Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)),
    }
}

/// `name` as the C string that the kernel gave it as.
fn c_string(name: &OsStr) -> Result<CString, Errno> {
    CString::new(name.as_bytes()).map_err(|_| Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> impl Strategy<Value = CString> {
        let bytes = proptest::collection::vec(1_u8..=255, 1..64);
        let plain = bytes.prop_filter("a name", |bytes| {
            !bytes.contains(&b'/') && !matches!(bytes.as_slice(), b"." | b"..")
        });
        plain.prop_map(|bytes| CString::new(bytes).expect("no NUL"))
    }

    fn meta() -> impl Strategy<Value = Meta> {
        (0_u32..=0o7777, any::<i64>(), 0_u32..1_000_000_000)
            .prop_map(|(mode, seconds, nanos)| Meta { mode, seconds, nanos })
    }

    fn record() -> impl Strategy<Value = Record> {
        prop_oneof![
            (name(), meta()).prop_map(|(staging, meta)| Record::Root { meta, staging }),
            (name(), meta()).prop_map(|(name, meta)| Record::Enter { name, meta }),
            Just(Record::Leave),
            (name(), meta(), any::<u64>(), any::<u64>())
                .prop_map(|(name, meta, size, link)| Record::File { name, meta, size, link }),
            (any::<u64>(), any::<u64>())
                .prop_map(|(offset, length)| Record::Extent { offset, length }),
            (name(), any::<u64>()).prop_map(|(name, link)| Record::HardLink { name, link }),
            (name(), meta(), name()).prop_map(|(name, meta, target)| Record::Symlink {
                name,
                meta,
                target
            }),
            (name(), meta()).prop_map(|(name, meta)| Record::Fifo { name, meta }),
            (name(), meta()).prop_map(|(name, meta)| Record::Socket { name, meta }),
            Just(Record::End),
        ]
    }

    fn written(records: &[Record]) -> Vec<u8> {
        let mut out = Writer(Vec::new());
        for record in records {
            out.record(record).expect("memory");
        }
        out.0
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(records in proptest::collection::vec(record(), 0..20)) {
            let bytes = written(&records);
            let mut from = Reader(bytes.as_slice());
            for record in &records {
                prop_assert_eq!(&from.record().expect("a record"), record);
            }
            prop_assert_eq!(from.record(), Err(Errno::EBADMSG));
        }

        #[test]
        fn a_cut_record_is_none(record in record(), cut in any::<proptest::sample::Index>()) {
            let bytes = written(&[record]);
            let mut from = Reader(&bytes[..cut.index(bytes.len())]);
            prop_assert_eq!(from.record(), Err(Errno::EBADMSG));
        }

        #[test]
        fn no_bytes_are_too_strange(bytes: Vec<u8>) {
            let mut from = Reader(bytes.as_slice());
            while from.record().is_ok() {}
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for bad in [c"", c".", c"..", c"a/b", c"/etc", c"../x"] {
            let meta = Meta { mode: 0, seconds: 0, nanos: 0 };
            let bytes = written(&[Record::Enter { name: bad.to_owned(), meta }]);
            assert_eq!(Reader(bytes.as_slice()).record(), Err(Errno::EBADMSG), "{bad:?}");
        }
    }
}
