package publisher

import (
	"bytes"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

// contract is what every system does that says whom it trusts. begin lets it trust a
// maker; all says that it trusts every maker before, as Wine does.
func contract(t *testing.T, trust truster, all bool, begin func(t *testing.T, der []byte)) {
	t.Helper()
	signed := filepath.Join("testdata", "signed.exe")
	if got, err := ask(t, signed, trust); !all && (!errors.Is(err, ErrUntrusted) || got != (elevation.Publisher{})) {
		t.Errorf("before its maker is trusted: %+v, %v", got, err)
	}
	der, err := os.ReadFile(filepath.Join("testdata", "maker.der"))
	if err != nil {
		t.Fatal(err)
	}
	maker, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	begin(t, der)
	if got, err := ask(t, signed, trust); err != nil || got.Name != "Maker of Tools" || got != named(maker) {
		t.Errorf("%+v, %v", got, err)
	}
	raw, err := os.ReadFile(signed)
	if err != nil {
		t.Fatal(err)
	}
	raw = bytes.Clone(raw)
	raw[0x210] ^= 1
	changed := filepath.Join(t.TempDir(), "changed.exe")
	if err := os.WriteFile(changed, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ask(t, changed, trust); !errors.Is(err, ErrSignature) {
		t.Errorf("changed: %+v, %v", got, err)
	}
	f, err := os.Open(changed)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := verify(f, trust); !errors.Is(err, ErrUntrusted) {
		t.Errorf("the system trusts a changed program: %+v, %v", got, err)
	}
}

// winlab is a Windows that trusts makers.
type winlab struct{ makers [][]byte }

var errStranger = errors.New("the maker is not known")

func (w *winlab) trust(path string, file *os.File) ([][]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	cert, err := signer(file, info.Size())
	if err != nil {
		return nil, err
	}
	for _, maker := range w.makers {
		if bytes.Equal(maker, cert.Raw) {
			return [][]byte{cert.Raw}, nil
		}
	}
	return nil, errStranger
}

func TestTrust(t *testing.T) {
	w := &winlab{}
	contract(t, w.trust, false, func(_ *testing.T, der []byte) { w.makers = append(w.makers, der) })
}

// A system that trusts somebody and names nobody, or what is no certificate, has
// said nothing.
func TestNobodyIsNamed(t *testing.T) {
	for name, said := range map[string][][]byte{"nobody": nil, "an empty one": {nil}, "no certificate": {[]byte("Maker of Tools")}} {
		got, err := ask(t, filepath.Join("testdata", "signed.exe"), func(string, *os.File) ([][]byte, error) { return said, nil })
		if !errors.Is(err, ErrUntrusted) || got != (elevation.Publisher{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
