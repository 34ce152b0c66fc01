//! What of the machine was short, where an instance could not be made.

use std::error::Error;
use std::fs;

use rustix::io::Errno;

/// Names what was short, and what to do about it; none where it was nothing of the kind.
pub(super) fn shortage(error: &wasmtime::Error) -> Option<String> {
    if !is_out_of_memory(error.root_cause()) {
        return None;
    }
    let maps = fs::read_to_string("/proc/self/maps").ok()?.lines().count();
    let max = fs::read_to_string("/proc/sys/vm/max_map_count").ok()?.trim().parse().ok()?;
    too_many_maps(maps, max)
}

fn is_out_of_memory(cause: &(dyn Error + 'static)) -> bool {
    let by_system = cause.downcast_ref::<Errno>() == Some(&Errno::NOMEM);
    by_system
        || cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::OutOfMemory)
}

/// An instance needs several maps, and the system gives only so many.
fn too_many_maps(maps: usize, max: usize) -> Option<String> {
    /// Those of the instance that could not be made are gone again.
    const NEAR: usize = 1024;
    (maps.saturating_add(NEAR) > max).then(|| {
        format!(
            "the process has {maps} of the {max} memory maps that the system allows, and each actor takes about \
             seven; `sysctl vm.max_map_count` sets that"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_all_its_maps_is_told_which_limit_it_met() {
        let error = wasmtime::Error::from(Errno::NOMEM);
        assert!(is_out_of_memory(error.root_cause()));
        assert!(!is_out_of_memory(wasmtime::Error::from(Errno::PERM).root_cause()));
        let told = too_many_maps(65_500, 65_530).unwrap();
        assert!(told.contains("65500 of the 65530") && told.contains("vm.max_map_count"), "{told}");
        assert_eq!(too_many_maps(1_000, 65_530), None);
    }
}
