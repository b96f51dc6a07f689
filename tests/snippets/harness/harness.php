<?php

// Reads one question a line, asks the snippets, answers one line each. The same in five languages.
require __DIR__ . '/sign_request.php';
require __DIR__ . '/verify_callback.php';

const NAMES = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];

function answer(string $question, array $parts): string
{
    if ($question === 'verify') {
        $headers = array_filter(array_combine(NAMES, array_slice($parts, 0, 3)), fn (string $text): bool => $text !== '');
        return verify($headers, $parts[4], explode(' ', $parts[3]), (int) $parts[5]) ? 'accept' : 'reject';
    }
    $strong = $parts[1] === 'ed25519';
    $sign = $strong ? ed25519($parts[2]) : hmac_sha256($parts[2]);
    $scheme = $strong ? 'PAYMUX-ED25519' : 'PAYMUX-HMAC-SHA256';
    return authorization($parts[0], $scheme, $sign, $parts[3], $parts[4], (int) $parts[5], $parts[6], $parts[7]);
}

while (($line = fgets(STDIN)) !== false) {
    $fields = explode("\t", rtrim($line, "\n"));
    echo answer($fields[0], array_map('base64_decode', array_slice($fields, 1))), "\n";
}
