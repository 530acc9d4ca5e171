// Written by `cargo regenerate` from openapi.yaml. Do not edit.

//! The enums of the contract. Each keeps a value it does not know.

use crate::open_enum::open_enum;

open_enum! {
    /// A language of the code interpreter (REST). Values not listed may appear.
    pub enum CodeLanguage {
        /// Python.
        Python = "python",
    }
}

open_enum! {
    /// Which property of a result holds its value (REST). Values not listed may appear.
    pub enum CodeResultType {
        /// Plain text, in `text`.
        Text = "text",
        /// HTML, in `html`.
        Html = "html",
        /// A PNG image, in `png`.
        ImagePng = "image_png",
        /// JSON, in `json`.
        Json = "json",
        /// A chart, in `chart`.
        Chart = "chart",
    }
}

open_enum! {
    /// Where a background command stands (REST). Values not listed may appear.
    pub enum CommandStatus {
        /// It runs.
        Running = "running",
        /// It has exited by itself.
        Exited = "exited",
        /// A signal has ended it.
        Killed = "killed",
    }
}

open_enum! {
    /// What a sandbox reaches on the network; `off` unless chosen (JS reference). Values not listed may appear.
    pub enum NetworkMode {
        /// Nothing.
        Off = "off",
        /// Only the domains of an allowlist.
        Restricted = "restricted",
        /// The internet.
        Open = "open",
    }
}

open_enum! {
    /// What happens when the lifetime of a sandbox ends; `kill` unless chosen (REST). Values not listed may appear.
    pub enum OnTimeout {
        /// It is terminated.
        Kill = "kill",
        /// It is paused and can be resumed.
        Pause = "pause",
    }
}

open_enum! {
    /// One of a process's two outputs (JS reference). Values not listed may appear.
    pub enum OutputStream {
        /// The standard output.
        Stdout = "stdout",
        /// The standard error.
        Stderr = "stderr",
    }
}

open_enum! {
    /// The HTTP method that a presigned URL takes (REST). Values not listed may appear.
    pub enum PresignMethod {
        /// It gives the file.
        GET = "GET",
        /// It takes the file; needs a Content-Length.
        PUT = "PUT",
    }
}

open_enum! {
    /// A named pair of processor and memory, in place of `cpu` and `memory_mb` (Python SDK). Values not listed may appear.
    pub enum SandboxSize {
        /// 1 vCPU and 1 GB.
        Small = "small",
        /// 2 vCPU and 4 GB.
        Medium = "medium",
        /// 4 vCPU and 8 GB.
        Large = "large",
    }
}

open_enum! {
    /// Where a sandbox stands in its life (REST); `running` also in the JS reference. Values not listed may appear.
    pub enum SandboxStatus {
        /// It is being created and does not take commands yet.
        Starting = "starting",
        /// It takes commands and counts as use.
        Running = "running",
        /// It is being saved.
        Pausing = "pausing",
        /// It is saved and costs no compute; it can be resumed.
        Paused = "paused",
        /// It is being brought back from a pause.
        Resuming = "resuming",
        /// It has ended for good.
        Terminated = "terminated",
        /// It has ended by a failure.
        Failed = "failed",
    }
}

open_enum! {
    /// Where a snapshot stands (REST). Values not listed may appear.
    pub enum SnapshotStatus {
        /// It is being taken.
        Capturing = "capturing",
        /// Sandboxes can start from it.
        Ready = "ready",
        /// It could not be taken.
        Failed = "failed",
    }
}

open_enum! {
    /// What a sandbox starts with: `python-3.12`, `python-3.12-bare`, `node-22` and `ubuntu-24.04` (JS reference), `debian-12` and `code-interpreter` (Python SDK). An open set: ids of custom templates, `tmpl_...`, are accepted too, and values not listed may appear.
    pub enum Template {
        /// Python 3.12 with common packages.
        Python3_12 = "python-3.12",
        /// Python 3.12 and nothing else.
        Python3_12Bare = "python-3.12-bare",
        /// Node.js 22.
        Node22 = "node-22",
        /// Debian 12.
        Debian12 = "debian-12",
        /// Ubuntu 24.04.
        Ubuntu24_04 = "ubuntu-24.04",
        /// An interpreter with state, which the code calls need.
        CodeInterpreter = "code-interpreter",
    }
}

open_enum! {
    /// Where a volume stands (guess). Values not listed may appear.
    pub enum VolumeStatus {
        /// No sandbox uses it.
        Available = "available",
        /// A sandbox uses it.
        Attached = "attached",
        /// It is on its way to another region.
        Moving = "moving",
    }
}

open_enum! {
    /// What a webhook is called for (REST). Values not listed may appear.
    pub enum WebhookEventType {
        /// A sandbox was created.
        SandboxCreated = "sandbox.created",
        /// A sandbox was paused.
        SandboxPaused = "sandbox.paused",
        /// A sandbox was resumed.
        SandboxResumed = "sandbox.resumed",
        /// A sandbox was terminated.
        SandboxTerminated = "sandbox.terminated",
        /// The lifetime of a sandbox has ended; that it is paused or terminated follows.
        SandboxExpired = "sandbox.expired",
        /// The build of a custom template has ended.
        TemplateBuildFinished = "template.build_finished",
        /// A volume has arrived in its new region.
        VolumeMoved = "volume.moved",
        /// The lifetime of a volume has ended.
        VolumeExpired = "volume.expired",
    }
}
