//! What chance decides, fixed by a seed.
//!
//! A draw is a function of the seed, of what it is for, and of its ordinal. It keeps no state that
//! scheduling could disturb: two runs with one seed decide alike for the same connection, and the
//! same chunk of it, whatever happened on other connections in between.

/// Weyl increment of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
/// Generators, 2014).
const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;

/// The draws for one purpose, by ordinal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    key: u64,
    ordinal: u64,
}

impl Draws {
    /// The draws that belong to a proxy, a fault of it and a connection, by their names.
    pub(crate) fn new(seed: u64, proxy: &str, fault: &str, connection: u64) -> Self {
        let mut key = mix(seed.wrapping_add(INCREMENT));
        for name in [proxy, fault] {
            key = mix(key ^ fingerprint(name));
        }
        Self { key: mix(key ^ connection), ordinal: 0 }
    }

    /// The same draws, from an ordinal on.
    pub(crate) fn at_ordinal(self, ordinal: u64) -> Self {
        Self { ordinal, ..self }
    }

    /// The ordinal of the next draw.
    pub(crate) fn ordinal(self) -> u64 {
        self.ordinal
    }

    /// Any 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.ordinal += 1;
        mix(self.key.wrapping_add(self.ordinal.wrapping_mul(INCREMENT)))
    }

    /// A number from 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number from 0 to below `end`; 0 if `end` is 0. The bias is below `end / 2^64`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(end);
        (wide >> 64) as u64
    }
}

/// The finaliser of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a of a name.
fn fingerprint(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(seed: u64, proxy: &str, fault: &str, connection: u64) -> u64 {
        Draws::new(seed, proxy, fault, connection).next()
    }

    #[test]
    fn a_draw_depends_on_seed_names_connection_and_ordinal_alone() {
        let base = first(7, "db", "slow", 1);
        assert_eq!(base, first(7, "db", "slow", 1));
        for other in [
            first(8, "db", "slow", 1),
            first(7, "cache", "slow", 1),
            first(7, "db", "cut", 1),
            first(7, "db", "slow", 2),
        ] {
            assert_ne!(base, other);
        }
        let mut draws = Draws::new(7, "db", "slow", 1);
        let (_, second) = (draws.next(), draws.next());
        assert_eq!(second, Draws::new(7, "db", "slow", 1).at_ordinal(1).next());
    }

    #[test]
    fn draws_are_even() {
        let n = 100_000;
        let mut draws = Draws::new(1, "p", "f", 0);
        let mean = (0..n).map(|_| draws.unit()).sum::<f64>() / f64::from(n);
        // The standard deviation of the mean is 0.0009.
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        let hits =
            (0..n).filter(|n| Draws::new(1, "p", "f", u64::try_from(*n).unwrap()).unit() < 0.25);
        let share = hits.count() as f64 / f64::from(n);
        assert!((share - 0.25).abs() < 0.01, "over connections: {share}");
        assert!((0..1000).all(|_| draws.below(3) < 3));
        assert_eq!(draws.below(0), 0);
    }
}
