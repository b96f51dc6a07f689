<?php

/**
 * The Authorization header of a request. $target is path and query, exactly as sent; $timestamp is time(); $nonce is
 * bin2hex(random_bytes(16)), a new one for every try; $body exactly as sent.
 */
function authorization(
    string $keyId,
    string $scheme,
    callable $sign,
    string $method,
    string $target,
    int $timestamp,
    string $nonce,
    string $body = ''
): string {
    $signature = base64_encode($sign("$method\n$target\n$timestamp\n$nonce\n$body\n"));
    return sprintf('%s key_id="%s",timestamp="%d",nonce="%s",signature="%s"', $scheme, $keyId, $timestamp, $nonce, $signature);
}

/** For the scheme PAYMUX-HMAC-SHA256. */
function hmac_sha256(string $secret): callable
{
    return fn (string $message): string => hash_hmac('sha256', $message, $secret, true);
}

/** For the scheme PAYMUX-ED25519; the key is the DER in a PEM (PKCS#8), which ends in the 32 bytes of the seed. */
function ed25519(string $pkcs8): callable
{
    $key = sodium_crypto_sign_secretkey(sodium_crypto_sign_seed_keypair(substr($pkcs8, -32)));
    return fn (string $message): string => sodium_crypto_sign_detached($message, $key);
}
