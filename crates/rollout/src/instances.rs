//! What the instances of EC2 have to give (Amazon EC2 instance types guide): as they are sold, which
//! is a little more than what the agent registers.

use crate::closed::Instance;

/// A size with its CPUs, memory in MiB, and network interfaces.
type Size = (&'static str, u32, u32, u32);

const BURSTABLE: &[Size] = &[
    ("nano", 2, 512, 2),
    ("micro", 2, 1_024, 2),
    ("small", 2, 2_048, 3),
    ("medium", 2, 4_096, 3),
    ("large", 2, 8_192, 3),
    ("xlarge", 4, 16_384, 4),
    ("2xlarge", 8, 32_768, 4),
];
const FIRST_BURSTABLE: &[Size] = &[
    ("nano", 1, 512, 2),
    ("micro", 1, 1_024, 2),
    ("small", 1, 2_048, 3),
    ("medium", 2, 4_096, 3),
    ("large", 2, 8_192, 3),
    ("xlarge", 4, 16_384, 3),
    ("2xlarge", 8, 32_768, 3),
];
const GENERAL: &[Size] = &[
    ("large", 2, 8_192, 3),
    ("xlarge", 4, 16_384, 4),
    ("2xlarge", 8, 32_768, 4),
    ("4xlarge", 16, 65_536, 8),
];
const COMPUTE: &[Size] = &[
    ("large", 2, 4_096, 3),
    ("xlarge", 4, 8_192, 4),
    ("2xlarge", 8, 16_384, 4),
    ("4xlarge", 16, 32_768, 8),
];
const MEMORY: &[Size] = &[
    ("large", 2, 16_384, 3),
    ("xlarge", 4, 32_768, 4),
    ("2xlarge", 8, 65_536, 4),
    ("4xlarge", 16, 131_072, 8),
];

const FAMILIES: &[(&[&str], &[Size])] = &[
    (&["t2"], FIRST_BURSTABLE),
    (&["t3", "t3a", "t4g"], BURSTABLE),
    (&["m5", "m5a", "m6a", "m6i", "m6g", "m7a", "m7i", "m7g"], GENERAL),
    (&["c5", "c6a", "c6i", "c6g", "c7a", "c7i", "c7g"], COMPUTE),
    (&["r5", "r5a", "r6a", "r6i", "r6g", "r7a", "r7i", "r7g"], MEMORY),
];

/// What an instance of a type, such as `t3.small`, has for tasks: one network interface is its own.
/// `None` for types that are not among the common ones.
pub fn instance(kind: &str) -> Option<Instance> {
    let (family, size) = kind.split_once('.')?;
    let (_, sizes) = FAMILIES.iter().find(|(names, _)| names.contains(&family))?;
    let (_, cpus, memory_mib, interfaces) = sizes.iter().find(|(name, ..)| *name == size)?;
    Some(Instance { cpu: cpus * 1024, memory_mib: *memory_mib, network_interfaces: interfaces - 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_types_are_known() {
        let small = instance("t3.small").unwrap();
        assert_eq!((small.cpu, small.memory_mib, small.network_interfaces), (2048, 2048, 2));
        assert_eq!(instance("r5.4xlarge").map(|one| one.memory_mib), Some(131_072));
        assert_eq!(instance("t2.micro").map(|one| one.cpu), Some(1024));
        assert_eq!((instance("x9.huge"), instance("t3"), instance("t3.tiny")), (None, None, None));
    }
}
