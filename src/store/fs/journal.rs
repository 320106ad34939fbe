//! All-or-nothing changes of a workspace: staged, journalled, renamed.
