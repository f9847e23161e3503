package publisher

import (
	"bytes"
	"crypto"
	_ "crypto/sha256" // the hashes that signatures may use
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"hash"
	"math/big"
)

// The parts of a signature (PKCS #7 as Authenticode uses it).
type (
	outer struct {
		Kind asn1.ObjectIdentifier
		Body asn1.RawValue `asn1:"explicit,tag:0"`
	}
	signedData struct {
		Version int
		Hashes  asn1.RawValue
		Content struct {
			Kind asn1.ObjectIdentifier
			Body asn1.RawValue `asn1:"explicit,tag:0"`
		}
		Certificates asn1.RawValue `asn1:"optional,tag:0"`
		Revoked      asn1.RawValue `asn1:"optional,tag:1"`
		Signers      []signerInfo  `asn1:"set"`
	}
	signerInfo struct {
		Version int
		Issuer  struct {
			Name   asn1.RawValue
			Serial *big.Int
		}
		Hash       algorithm
		Attributes asn1.RawValue `asn1:"optional,tag:0"`
		Key        algorithm
		Signature  []byte
		Unsigned   asn1.RawValue `asn1:"optional,tag:1"`
	}
	algorithm struct {
		Kind  asn1.ObjectIdentifier
		Value asn1.RawValue `asn1:"optional"`
	}
	attribute struct {
		Kind   asn1.ObjectIdentifier
		Values asn1.RawValue `asn1:"set"`
	}
	programDigest struct {
		About  asn1.RawValue
		Digest struct {
			Hash algorithm
			Sum  []byte
		}
	}
)

// Names of things in a signature.
const (
	oidSigned  = "1.2.840.113549.1.7.2"
	oidProgram = "1.3.6.1.4.1.311.2.1.4"
	oidDigest  = "1.2.840.113549.1.9.4"
	oidKind    = "1.2.840.113549.1.9.3"
)

// hashOf knows the hashes that a signature may use; SHA-1 and older are none.
func hashOf(a algorithm) (crypto.Hash, error) {
	switch a.Kind.String() {
	case "2.16.840.1.101.3.4.2.1":
		return crypto.SHA256, nil
	case "2.16.840.1.101.3.4.2.2":
		return crypto.SHA384, nil
	case "2.16.840.1.101.3.4.2.3":
		return crypto.SHA512, nil
	}
	return 0, fmt.Errorf("%w: its hash is %s", ErrSignature, a.Kind)
}

func wrong(why string, args ...any) error {
	return fmt.Errorf("%w: "+why, append([]any{ErrSignature}, args...)...)
}

// checkSigned checks the signature and that it is about the program that digest
// reads.
func checkSigned(raw []byte, digest func(hash.Hash) error) (*x509.Certificate, error) {
	var all outer
	if _, err := asn1.Unmarshal(raw, &all); err != nil || all.Kind.String() != oidSigned {
		return nil, wrong("it can not be read: %v", err)
	}
	var data signedData
	if rest, err := asn1.Unmarshal(all.Body.Bytes, &data); err != nil || len(rest) > 0 {
		return nil, wrong("it can not be read: %v", err)
	}
	if data.Content.Kind.String() != oidProgram || len(data.Signers) != 1 {
		return nil, wrong("it is not that of one program by one signer")
	}
	var about programDigest
	if _, err := asn1.Unmarshal(data.Content.Body.Bytes, &about); err != nil {
		return nil, wrong("it can not be read: %v", err)
	}
	kind, err := hashOf(about.Digest.Hash)
	if err != nil {
		return nil, err
	}
	h := kind.New()
	if err := digest(h); err != nil {
		return nil, fmt.Errorf("read the program: %w", err)
	}
	if !bytes.Equal(h.Sum(nil), about.Digest.Sum) {
		return nil, wrong("the program was changed after it was signed")
	}
	var content asn1.RawValue // what is signed is without its own head
	if _, err := asn1.Unmarshal(data.Content.Body.Bytes, &content); err != nil {
		return nil, wrong("it can not be read: %v", err)
	}
	who, err := certificateOf(data)
	if err != nil {
		return nil, err
	}
	return who, checkSigner(data.Signers[0], content.Bytes, who)
}

func certificateOf(data signedData) (*x509.Certificate, error) {
	certificates, err := x509.ParseCertificates(data.Certificates.Bytes)
	if err != nil {
		return nil, wrong("its certificates can not be read: %v", err)
	}
	want := data.Signers[0].Issuer
	for _, c := range certificates {
		if bytes.Equal(c.RawIssuer, want.Name.FullBytes) && want.Serial != nil && c.SerialNumber.Cmp(want.Serial) == 0 {
			return c, nil
		}
	}
	return nil, wrong("the signer's certificate is not in it")
}

// checkSigner checks the signer's own statement: which content, by whose key.
func checkSigner(s signerInfo, content []byte, who *x509.Certificate) error {
	kind, err := hashOf(s.Hash)
	if err != nil {
		return err
	}
	h := kind.New()
	h.Write(content)
	found := map[string]attribute{}
	for rest := s.Attributes.Bytes; len(rest) > 0; {
		var a attribute
		if rest, err = asn1.Unmarshal(rest, &a); err != nil {
			return wrong("it can not be read: %v", err)
		}
		if _, twice := found[a.Kind.String()]; twice {
			return wrong("it says something twice")
		}
		found[a.Kind.String()] = a
	}
	var sum []byte
	if rest, err := asn1.Unmarshal(found[oidDigest].Values.Bytes, &sum); err != nil || len(rest) > 0 || !bytes.Equal(sum, h.Sum(nil)) {
		return wrong("it is about something else")
	}
	var about asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(found[oidKind].Values.Bytes, &about); err != nil || about.String() != oidProgram {
		return wrong("it is about something else")
	}
	signed := bytes.Clone(s.Attributes.FullBytes)
	signed[0] = 0x31 // it is signed as a set
	algorithms := map[x509.PublicKeyAlgorithm]map[crypto.Hash]x509.SignatureAlgorithm{
		x509.RSA:   {crypto.SHA256: x509.SHA256WithRSA, crypto.SHA384: x509.SHA384WithRSA, crypto.SHA512: x509.SHA512WithRSA},
		x509.ECDSA: {crypto.SHA256: x509.ECDSAWithSHA256, crypto.SHA384: x509.ECDSAWithSHA384, crypto.SHA512: x509.ECDSAWithSHA512},
	}
	if err := who.CheckSignature(algorithms[who.PublicKeyAlgorithm][kind], signed, s.Signature); err != nil {
		return wrong("it is not by the signer's key")
	}
	return nil
}
