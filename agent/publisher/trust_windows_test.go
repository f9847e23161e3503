package publisher

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/assent-epm/assent/shared/elevation"
)

// trustMaker lets this machine trust the maker of testdata/signed.exe, until the
// test is over.
func trustMaker(t *testing.T, der []byte) {
	t.Helper()
	name, err := windows.UTF16PtrFromString("ROOT")
	if err != nil {
		t.Fatal(err)
	}
	const current = 1 << 16 // CERT_SYSTEM_STORE_CURRENT_USER
	store, err := windows.CertOpenStore(windows.CERT_STORE_PROV_SYSTEM_W, 0, 0, current, uintptr(unsafe.Pointer(name)))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := windows.CertCreateCertificateContext(windows.X509_ASN_ENCODING, &der[0], uint32(len(der)))
	if err != nil {
		t.Fatal(err)
	}
	var kept *windows.CertContext
	if err := windows.CertAddCertificateContextToStore(store, cert, windows.CERT_STORE_ADD_ALWAYS, &kept); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(windows.CertDeleteCertificateFromStore(kept), windows.CertFreeCertificateContext(cert), windows.CertCloseStore(store, 0)); err != nil {
			t.Error(err)
		}
	})
}

func ofPath(t *testing.T, path string) (elevation.Publisher, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return Of(f)
}

func TestWindowsSaysWhoSigned(t *testing.T) {
	signed := filepath.Join("testdata", "signed.exe")
	t.Run("before its maker is trusted", func(t *testing.T) {
		got, err := ofPath(t, signed)
		if err == nil {
			t.Skip("Wine trusts every maker: only Windows looks for one that it knows")
		}
		if !errors.Is(err, ErrUntrusted) || got != (elevation.Publisher{}) {
			t.Errorf("%+v, %v", got, err)
		}
	})
	der, err := os.ReadFile(filepath.Join("testdata", "maker.der"))
	if err != nil {
		t.Fatal(err)
	}
	trustMaker(t, der)
	if got, err := ofPath(t, signed); err != nil || got.Name != "Maker of Tools" {
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
	if got, err := ofPath(t, changed); !errors.Is(err, ErrSignature) {
		t.Errorf("changed: %+v, %v", got, err)
	}
	f, err := os.Open(changed)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := trusted(changed, f); err == nil {
		t.Errorf("the system trusts a changed program: %+v", got.Subject)
	}
}
