package publisher

import (
	"errors"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
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

func TestWindowsSaysWhoSigned(t *testing.T) {
	_, err := ask(t, filepath.Join("testdata", "signed.exe"), trusted)
	contract(t, trusted, err == nil, trustMaker)
	if err == nil {
		t.Skip("Wine trusts every maker: only Windows looks for one that it knows")
	}
}
