package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestEnrollToken(t *testing.T) {
	fp := bytes.Repeat([]byte{7}, FingerprintSize)
	plain, hash, err := NewEnrollToken(fp)
	if err != nil {
		t.Fatal(err)
	}
	gotFP, gotHash, err := ParseEnrollToken(plain)
	if err != nil || !bytes.Equal(gotFP, fp) || !bytes.Equal(gotHash, hash) {
		t.Fatalf("parse(%q) = %x %x %v", plain, gotFP, gotHash, err)
	}
	again, _, _ := NewEnrollToken(fp)
	if again == plain {
		t.Fatal("two tokens are equal")
	}
	if _, _, err := NewEnrollToken(fp[:31]); err == nil {
		t.Error("a short fingerprint made a token")
	}
}

func TestParseEnrollTokenRefuses(t *testing.T) {
	plain, _, err := NewEnrollToken(make([]byte, FingerprintSize))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(i int) string {
		b := []byte(plain)
		if b[i] == 'a' {
			b[i] = 'b'
		} else {
			b[i] = 'a'
		}
		return string(b)
	}
	last := []byte(plain) // 56 bytes leave 2 spare bits in the last character
	last[len(last)-1]++
	for name, in := range map[string]string{
		"empty":           "",
		"prefix only":     "asn1_",
		"other prefix":    "ast_" + strings.TrimPrefix(plain, "asn1_"),
		"upper case":      "asn1_" + strings.ToUpper(strings.TrimPrefix(plain, "asn1_")),
		"one short":       plain[:len(plain)-1],
		"one long":        plain + "a",
		"space behind":    plain + " ",
		"newline inside":  plain[:20] + "\n" + plain[21:],
		"not base32":      plain[:20] + "1" + plain[21:],
		"first changed":   flip(5),
		"secret changed":  flip(20),
		"print changed":   flip(60),
		"sum changed":     flip(len(plain) - 3),
		"spare bits set":  string(last),
		"very long":       "asn1_" + strings.Repeat("a", 1<<20),
		"nul":             plain[:len(plain)-1] + "\x00",
		"no UTF-8":        plain[:len(plain)-1] + "\xff",
		"wide characters": strings.Replace(plain, "a", "ａ", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, hash, err := ParseEnrollToken(in)
			if !errors.Is(err, ErrEnrollToken) || hash != nil {
				t.Fatalf("got hash %x, err %v", hash, err)
			}
			if len(in) > 10 && strings.Contains(err.Error(), in) {
				t.Error("the error repeats the token")
			}
		})
	}
}

func FuzzParseEnrollToken(f *testing.F) {
	for _, fp := range [][]byte{make([]byte, FingerprintSize), bytes.Repeat([]byte{0xff}, FingerprintSize)} {
		plain, _, err := NewEnrollToken(fp)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(plain)
		f.Add(strings.ToUpper(plain))
		f.Add(plain[:len(plain)-1])
	}
	f.Add("asn1_")
	f.Fuzz(func(t *testing.T, in string) {
		fp, hash, err := ParseEnrollToken(in)
		if err != nil {
			if !errors.Is(err, ErrEnrollToken) || fp != nil || hash != nil {
				t.Fatalf("%x %x %v", fp, hash, err)
			}
			return
		}
		if len(fp) != FingerprintSize || len(hash) != 32 || in != strings.ToLower(in) {
			t.Fatalf("accepted %q", in)
		}
	})
}
