package publisher

import (
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
)

// Where a program says what is in it.
const (
	atHeader     = 0x3c // where the place of the header stands
	maxHeader    = 1 << 20
	magic32      = 0x10b
	magic64      = 0x20b
	optional     = 24 // from the header
	checksumAt   = 64 // from the optional header
	tables32     = 96
	tables64     = 112
	certTable    = 4 // its number among the tables
	maxSignature = 4 << 20
	kindSigned   = 2 // WIN_CERT_TYPE_PKCS_SIGNED_DATA
	revision2    = 0x200
)

// layout is where the parts of a program stand that its signature leaves out.
type layout struct {
	checksum, entry int64 // entry is that of the signature in the tables
	begin, end      int64 // of the signature, which is the last thing in the file
}

// signer is who signed the program in r: the signature was checked against the
// file's bytes and the signer's key, and not against anybody's trust.
func signer(r io.ReaderAt, size int64) (*x509.Certificate, error) {
	where, err := find(r, size)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, where.end-where.begin)
	if _, err := r.ReadAt(raw, where.begin); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	length := int64(binary.LittleEndian.Uint32(raw))
	if length < 8 || length > int64(len(raw)) || int64(len(raw))-length >= 8 {
		return nil, fmt.Errorf("%w: there is more than one, or a part of one", ErrSignature)
	}
	if binary.LittleEndian.Uint16(raw[4:]) != revision2 || binary.LittleEndian.Uint16(raw[6:]) != kindSigned {
		return nil, fmt.Errorf("%w: it is of an unknown kind", ErrSignature)
	}
	return checkSigned(raw[8:length], func(h hash.Hash) error { return digest(r, where, h) })
}

// find reads the headers. Everything that is not as programs are is unsigned: the
// system does not run it.
func find(r io.ReaderAt, size int64) (layout, error) {
	none := func(why string) (layout, error) { return layout{}, fmt.Errorf("%w: %s", ErrUnsigned, why) }
	var word [4]byte
	if _, err := r.ReadAt(word[:2], 0); err != nil || string(word[:2]) != "MZ" {
		return none("it is no program of Windows")
	}
	if _, err := r.ReadAt(word[:], atHeader); err != nil {
		return none("it is no program of Windows")
	}
	head := int64(binary.LittleEndian.Uint32(word[:]))
	raw := make([]byte, optional+tables64+8*(certTable+1))
	if head > maxHeader {
		return none("its header is too far in")
	}
	if _, err := r.ReadAt(raw, head); err != nil || string(raw[:4]) != "PE\x00\x00" {
		return none("it is no program of Windows")
	}
	tables := int64(optional)
	switch binary.LittleEndian.Uint16(raw[optional:]) {
	case magic32:
		tables += tables32
	case magic64:
		tables += tables64
	default:
		return none("its header is of an unknown kind")
	}
	if count := binary.LittleEndian.Uint32(raw[tables-4:]); count <= certTable {
		return none("it has no place for a signature")
	}
	where := layout{checksum: head + optional + checksumAt, entry: head + tables + 8*certTable}
	where.begin = int64(binary.LittleEndian.Uint32(raw[tables+8*certTable:]))
	length := int64(binary.LittleEndian.Uint32(raw[tables+8*certTable+4:]))
	where.end = where.begin + length
	switch {
	case where.begin == 0 && length == 0:
		return none("it has none")
	case where.begin < where.entry+8 || length < 16 || length > maxSignature || where.end != size:
		return layout{}, fmt.Errorf("%w: it is not at the end of the file", ErrSignature)
	}
	return where, nil
}

// digest reads what a signature is about: all but the checksum, the entry of the
// signature and itself.
func digest(r io.ReaderAt, where layout, h hash.Hash) error {
	from := int64(0)
	for _, part := range [][2]int64{{where.checksum, 4}, {where.entry, 8}, {where.begin, 0}} {
		if _, err := io.Copy(h, io.NewSectionReader(r, from, part[0]-from)); err != nil {
			return err
		}
		from = part[0] + part[1]
	}
	return nil
}
