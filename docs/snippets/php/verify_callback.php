<?php

/**
 * Whether this callback is meant for us, now. The names of the headers are in lower case, the body is raw
 * (file_get_contents('php://input')); the secrets are all in use: two during a rotation.
 */
function verify(array $headers, string $body, array $secrets, ?int $now = null): bool
{
    $id = $headers['webhook-id'] ?? '';
    $seconds = $headers['webhook-timestamp'] ?? '';
    if ($id === '' || !preg_match('/\A[0-9]{1,12}\z/', $seconds) || abs(($now ?? time()) - (int) $seconds) > 300) {
        return false;
    }
    $good = false;
    foreach ($secrets as $secret) {
        $key = base64_decode(preg_replace('/\Awhsec_/', '', $secret), true);
        if ($key === false || strlen($key) < 24) {
            throw new InvalidArgumentException('not a callback secret');
        }
        $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$seconds.$body", $key, true));
        foreach (explode(' ', $headers['webhook-signature'] ?? '') as $given) {
            $good = hash_equals($expected, $given) || $good;
        }
    }
    return $good;
}
