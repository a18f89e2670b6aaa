//! How many RS256 signatures the machine makes when it does nothing else: the yardstick for RS256.

use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;

/// Signatures a second with a key of `bits`, one thread a core.
///
/// # Errors
/// A sentence for a key size that the server never makes, or when the library fails.
pub fn rs256_rate(bits: usize, cores: usize, length: Duration) -> Result<f64, String> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        _ => return Err(format!("no yardstick for RSA keys of {bits} bits")),
    };
    let key = KeyPair::generate(size).map_err(|_| "cannot make an RSA key".to_owned())?;
    let rates: Result<Vec<f64>, String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(|| sign_for(&key, length))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a signing thread died".to_owned())?).collect()
    });
    Ok(rates?.iter().sum())
}

fn sign_for(key: &KeyPair, length: Duration) -> Result<f64, String> {
    let random = SystemRandom::new();
    let mut signature = vec![0; key.public_modulus_len()];
    // About what a JWT's header and payload take.
    let message = [b'a'; 400];
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < length {
        key.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature).map_err(|_| "cannot sign".to_owned())?;
        count += 1;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}
