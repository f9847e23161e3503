package publisher

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The first parts of what Windows tells of a signer (CRYPT_PROVIDER_SGNR) and of a
// certificate of its chain (CRYPT_PROVIDER_CERT).
type (
	providerSigner struct {
		size  uint32
		asOf  windows.Filetime
		count uint32
		chain *providerCert
		rest  [4]uintptr
	}
	providerCert struct {
		size uint32
		cert *windows.CertContext
	}
)

// trusted asks Windows whether it trusts the signature of the open file, with what
// it knows of revoked certificates, and by whom it is. Nothing is shown to anybody.
func trusted(path string, file *os.File) (signers [][]byte, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	what := &windows.WinTrustFileInfo{FilePath: name, File: windows.Handle(file.Fd())}
	what.Size = uint32(unsafe.Sizeof(*what))
	ask := &windows.WinTrustData{UIChoice: windows.WTD_UI_NONE, RevocationChecks: windows.WTD_REVOKE_WHOLECHAIN, UnionChoice: windows.WTD_CHOICE_FILE,
		FileOrCatalogOrBlobOrSgnrOrCert: unsafe.Pointer(what), StateAction: windows.WTD_STATEACTION_VERIFY,
		ProvFlags: windows.WTD_CACHE_ONLY_URL_RETRIEVAL | windows.WTD_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT}
	ask.Size = uint32(unsafe.Sizeof(*ask))
	action := windows.WINTRUST_ACTION_GENERIC_VERIFY_V2
	answer := windows.WinVerifyTrustEx(windows.InvalidHWND, &action, ask)
	defer func() {
		ask.StateAction = windows.WTD_STATEACTION_CLOSE
		_ = windows.WinVerifyTrustEx(windows.InvalidHWND, &action, ask) // the answer is known
		runtime.KeepAlive(what)
	}()
	if answer != nil {
		return nil, answer
	}
	return signersOf(ask.StateData), nil
}

// signersOf reads the certificate of the signer that was verified; none where the
// system has none.
func signersOf(state windows.Handle) (signers [][]byte) {
	dll := windows.NewLazySystemDLL("wintrust.dll")
	data, _, _ := dll.NewProc("WTHelperProvDataFromStateData").Call(uintptr(state))
	if data == 0 {
		return nil
	}
	at, _, _ := dll.NewProc("WTHelperGetProvSignerFromChain").Call(data, 0, 0, 0)
	signer := *(**providerSigner)(unsafe.Pointer(&at))
	if signer == nil || signer.chain == nil {
		return nil
	}
	for _, c := range unsafe.Slice(signer.chain, min(signer.count, 1)) { // the parts of the next are not known
		if c.cert != nil {
			signers = append(signers, append([]byte{}, unsafe.Slice(c.cert.EncodedCert, c.cert.Length)...))
		}
	}
	return signers
}
