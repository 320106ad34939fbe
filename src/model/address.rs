//! Where a registry is: URLs, the scp form, paths; what is refused.
