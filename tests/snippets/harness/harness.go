// Reads one question a line, asks the snippets, answers one line each. The same in five languages.
package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

var names = []string{"webhook-id", "webhook-timestamp", "webhook-signature"}

func number(text []byte) int64 {
	read, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		panic(err)
	}
	return read
}

func answer(question string, parts [][]byte) string {
	if question == "verify" {
		header := http.Header{}
		for index, name := range names {
			if len(parts[index]) > 0 {
				header.Set(name, string(parts[index]))
			}
		}
		if Verify(header, parts[4], strings.Split(string(parts[3]), " "), time.Unix(number(parts[5]), 0)) {
			return "accept"
		}
		return "reject"
	}
	scheme, sign := "PAYMUX-HMAC-SHA256", HMACSHA256(parts[2])
	if string(parts[1]) == "ed25519" {
		key, err := x509.ParsePKCS8PrivateKey(parts[2])
		if err != nil {
			panic(err)
		}
		scheme, sign = "PAYMUX-ED25519", Ed25519(key.(ed25519.PrivateKey))
	}
	return Authorization(string(parts[0]), scheme, sign, string(parts[3]), string(parts[4]), number(parts[5]),
		string(parts[6]), parts[7])
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		var parts [][]byte
		for _, field := range fields[1:] {
			part, err := base64.StdEncoding.DecodeString(field)
			if err != nil {
				panic(err)
			}
			parts = append(parts, part)
		}
		fmt.Println(answer(fields[0], parts))
	}
}
