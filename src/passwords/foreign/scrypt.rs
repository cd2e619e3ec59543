//! scrypt (RFC 7914).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use secrecy::zeroize::Zeroizing;

use super::{
    MalformedHash,
    encoding::{check_lengths, from_base64, from_hex, number, parts, to_base64, value},
    within,
};

/// The range of log2 N.
const LOG_NS: (u32, u32) = (1, 22);

/// The range of the block size r.
const BLOCK_SIZES: (u32, u32) = (1, 64);

/// The range of the parallelization p. The lanes are computed one after the other.
const LANES: (u32, u32) = (1, 16);

/// The maximum of N·r·p, four times what OWASP recommends. It takes one to two seconds of a core.
const MAX_WORK: u64 = 1 << 22;

/// The parameters of scrypt, within their bounds.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) log_n: u32,
    pub(super) block_size: u32,
    pub(super) lanes: u32,
}

impl Cost {
    pub(super) fn new(log_n: u32, block_size: u32, lanes: u32) -> Result<Self, MalformedHash> {
        within("scrypt parameter log2 N", log_n, LOG_NS)?;
        within("scrypt parameter r", block_size, BLOCK_SIZES)?;
        within("scrypt parameter p", lanes, LANES)?;
        let work = (u64::from(block_size) * u64::from(lanes)) << log_n;
        within("scrypt work N·r·p", work, (1u32, MAX_WORK))?;
        Ok(Self { log_n, block_size, lanes })
    }

    /// The memory of one computation, KiB, without a small remainder of at most 256 KiB.
    pub(super) fn memory_kib(self) -> u32 {
        (self.block_size << self.log_n).div_ceil(8)
    }

    pub(super) fn derive(self, password: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
        let log_n = u8::try_from(self.log_n).expect("it is within its bounds");
        let params =
            scrypt::Params::new(log_n, self.block_size, self.lanes).expect("they are within their bounds");
        let mut output = Zeroizing::new(vec![0; length]);
        scrypt::scrypt(password, salt, &params, &mut output).expect("the length is within RFC 7914's range");
        output
    }
}

/// A scrypt hash.
#[derive(Clone)]
pub(in super::super) struct ScryptHash {
    cost: Cost,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl ScryptHash {
    pub(super) fn parse(text: &str) -> Result<Self, MalformedHash> {
        let (cost, salt, output) = if let Some(rest) = text.strip_prefix("$scrypt$") {
            // PHC string, and passlib.
            let [parameters, salt, output] = parts(rest, '$')?;
            let [log_n, block_size, lanes] = parts(parameters, ',')?;
            let (log_n, block_size) = (number(value(log_n, "ln")?)?, number(value(block_size, "r")?)?);
            let cost = Cost::new(log_n, block_size, number(value(lanes, "p")?)?)?;
            (cost, from_base64(salt)?, from_base64(output)?)
        } else if let Some(rest) = text.strip_prefix("scrypt$") {
            // Django. The salt is text.
            let [n, salt, block_size, lanes, output] = parts(rest, '$')?;
            (cost(n, block_size, lanes)?, salt.into(), from_base64(output)?)
        } else {
            // Werkzeug. The salt is text.
            let rest = text.strip_prefix("scrypt:").ok_or(MalformedHash::Syntax)?;
            let [parameters, salt, output] = parts(rest, '$')?;
            let [n, block_size, lanes] = parts(parameters, ':')?;
            (cost(n, block_size, lanes)?, salt.into(), from_hex(output)?)
        };
        check_lengths(&salt, &output)?;
        Ok(Self { cost, salt, output })
    }

    pub(super) fn memory_kib(&self) -> u32 {
        self.cost.memory_kib()
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let computed = self.cost.derive(password, &self.salt, self.output.len());
        verify_slices_are_equal(&computed, &self.output).is_ok()
    }

    pub(super) fn to_text(&self) -> String {
        let Cost { log_n, block_size, lanes } = self.cost;
        let (salt, output) = (to_base64(&self.salt), to_base64(&self.output));
        format!("$scrypt$ln={log_n},r={block_size},p={lanes}${salt}${output}")
    }
}

/// The cost of an encoding that states N itself, which must be a power of two.
fn cost(n: &str, block_size: &str, lanes: &str) -> Result<Cost, MalformedHash> {
    let n = number(n)?;
    if !n.is_power_of_two() {
        return Err(MalformedHash::Syntax);
    }
    Cost::new(n.trailing_zeros(), number(block_size)?, number(lanes)?)
}
