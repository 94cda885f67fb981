//! The engine: the shell that runs the kernel's decisions.

mod transfer;
