package elevation

import (
	"fmt"
	"strings"
	"time"
)

// CodeTime is how long the short code of a request is good.
const CodeTime = 15 * time.Minute

// codeAlphabet is Crockford's: no letter of it looks like another or like a digit.
const codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// codeLength is the number of characters without the dash.
const codeLength = 8

// CodeOf writes 40 bits as the short code of a request, or of a device that wants
// to sign in, like 7K2Q-M9XD. It says which one is meant and gives nobody any right.
func CodeOf(bits [5]byte) string {
	var n uint64
	for _, b := range bits {
		n = n<<8 | uint64(b)
	}
	var out [codeLength]byte
	for i := codeLength - 1; i >= 0; i-- {
		out[i] = codeAlphabet[n&31]
		n >>= 5
	}
	return string(out[:codeLength/2]) + "-" + string(out[codeLength/2:])
}

// ReadCode reads a code as a person types it: in small letters, without the dash
// or with spaces, O for 0, I or L for 1. What is none is [ErrInvalid].
func ReadCode(text string) (string, error) {
	out := make([]byte, 0, codeLength+1)
	for _, c := range strings.ToUpper(text) {
		switch c {
		case '-', ' ':
			continue
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		if len(out) > codeLength || c > 'Z' || strings.IndexByte(codeAlphabet, byte(c)) < 0 {
			return "", fmt.Errorf("%w: a code is eight letters and digits, like 7K2Q-M9XD", ErrInvalid)
		}
		if len(out) == codeLength/2 {
			out = append(out, '-')
		}
		out = append(out, byte(c))
	}
	if len(out) != codeLength+1 {
		return "", fmt.Errorf("%w: a code is eight letters and digits, like 7K2Q-M9XD", ErrInvalid)
	}
	return string(out), nil
}
