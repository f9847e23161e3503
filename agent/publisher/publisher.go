// Package publisher says who signed a program of Windows (Authenticode) or of macOS.
//
// Whether a signature counts is for Windows to say ([Of]); what stands in the file
// is read here as well, everywhere, and both must name the same signer. A program
// without a signature has no publisher, which is no error; one whose signature is
// wrong has none either, and says so. Programs that only a catalogue of Windows
// vouches for have none. Read pe.go for the file and signed.go for the signature,
// mac.go for macOS, where codesign reads and verifies and a publisher is a team.
package publisher

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/assent-epm/assent/shared/elevation"
)

// Errors of this package.
var (
	// ErrUnsigned: there is no signature in the file.
	ErrUnsigned = errors.New("the program is not signed")
	// ErrSignature: there is one, and it does not fit the file.
	ErrSignature = errors.New("the signature of the program is wrong")
	// ErrUntrusted: this machine does not trust whoever signed.
	ErrUntrusted = errors.New("the signature of the program is not trusted here")
)

// truster asks the system about the file at path, which must be held open by the
// caller, and answers the certificates of those who signed, the signer's first, as
// it has verified them. An error is why it does not trust them.
type truster func(path string, file *os.File) (signers [][]byte, err error)

// Of is who signed the program in an open file, as this system verified it. The
// zero publisher and nil mean that it is not signed. After an error nothing is
// known of who made it.
func Of(file *os.File) (elevation.Publisher, error) {
	p, err := of(file, trusted)
	if err != nil {
		return elevation.Publisher{}, fmt.Errorf("look who signed %s: %w", file.Name(), err)
	}
	return p, nil
}

func of(file *os.File, trust truster) (elevation.Publisher, error) {
	info, err := file.Stat()
	if err != nil {
		return elevation.Publisher{}, err
	}
	written, err := signer(file, info.Size())
	if errors.Is(err, ErrUnsigned) {
		return elevation.Publisher{}, nil
	}
	if err != nil {
		return elevation.Publisher{}, err
	}
	verified, err := verify(file, trust)
	if err != nil {
		return elevation.Publisher{}, err
	}
	if !written.Equal(verified) {
		return elevation.Publisher{}, fmt.Errorf("%w: the system read another signer than stands in the file", ErrSignature)
	}
	return named(verified), nil
}

// verify is the signer that the system trusts; whom it does not name it does not
// trust.
func verify(file *os.File, trust truster) (*x509.Certificate, error) {
	signers, err := trust(file.Name(), file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	if len(signers) == 0 {
		return nil, fmt.Errorf("%w: the system does not say who signed", ErrUntrusted)
	}
	cert, err := x509.ParseCertificate(signers[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	return cert, nil
}

// named is what people and rules call the owner of a certificate: rules by the
// SHA-256 of the certificate.
func named(cert *x509.Certificate) elevation.Publisher {
	sum := sha256.Sum256(cert.Raw)
	name := cert.Subject.CommonName
	if name == "" && len(cert.Subject.Organization) > 0 {
		name = cert.Subject.Organization[0]
	}
	return elevation.Publisher{Name: shown(name), Thumbprint: hex.EncodeToString(sum[:])}
}

// shown is a name as people may see it: one line, of bounded length.
func shown(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	const longest = 128
	if runes := []rune(name); len(runes) > longest {
		name = string(runes[:longest])
	}
	return name
}
