package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// signing is what signs programs and packages; without a key nothing is signed.
// Keys and passwords are files: none of them is ever an argument.
type signing struct {
	cert  string // PEM: the certificate and those above it
	key   string // PEM or PKCS#8
	pass  string // file with the key's password
	stamp string // time stamp server
	hook  string // for macOS: PROGRAM program|package IN OUT
}

func (s *signing) flags(f *flag.FlagSet) {
	f.StringVar(&s.cert, "sign-cert", "", "certificates for programs and MSI, PEM; with -sign-key they are signed by osslsigncode")
	f.StringVar(&s.key, "sign-key", "", "private key for programs and MSI")
	f.StringVar(&s.pass, "sign-pass", "", "file with the password of the key")
	f.StringVar(&s.stamp, "sign-stamp", "", "address of a time stamp server, so that signatures outlive the certificate")
	f.StringVar(&s.hook, "sign-hook", "", "program that signs for macOS; it is called as: PROGRAM program|package IN OUT")
}

func (s signing) check() error {
	if (s.cert == "") != (s.key == "") {
		return errors.New("signing needs both -sign-cert and -sign-key")
	}
	if s.key == "" && (s.pass != "" || s.stamp != "") {
		return errors.New("-sign-pass and -sign-stamp need -sign-key")
	}
	return nil
}

// windows signs a program or an MSI.
func (s signing) windows(ctx context.Context, work, name string, raw []byte) ([]byte, error) {
	if s.key == "" {
		return raw, nil
	}
	tool, err := exec.LookPath("osslsigncode")
	if err != nil {
		return nil, errors.New("signing needs osslsigncode (Debian/Ubuntu: apt-get install osslsigncode)")
	}
	args := []string{"sign", "-certs", s.cert, "-key", s.key, "-h", "sha256", "-n", "Assent", "-i", homepage}
	if s.pass != "" {
		args = append(args, "-readpass", s.pass)
	}
	if s.stamp != "" {
		args = append(args, "-ts", s.stamp)
	}
	if strings.HasSuffix(name, ".msi") {
		args = append(args, "-add-msi-dse") // covers names and sizes of streams too
	}
	return signed(ctx, work, name, raw, tool, append(args, "-in"), "-out")
}

// macos lets the hook sign a program or the package.
func (s signing) macos(ctx context.Context, work, kind, name string, raw []byte) ([]byte, error) {
	if s.hook == "" {
		return raw, nil
	}
	return signed(ctx, work, name, raw, s.hook, []string{kind})
}

// signed runs a signer as TOOL ARGS IN BETWEEN OUT.
func signed(ctx context.Context, work, name string, raw []byte, tool string, args []string, between ...string) ([]byte, error) {
	dir, err := os.MkdirTemp(work, "sign-")
	if err != nil {
		return nil, err
	}
	in, out := filepath.Join(dir, name), filepath.Join(dir, "signed-"+name)
	if err := os.WriteFile(in, raw, 0o755); err != nil {
		return nil, err
	}
	args = append(append(append(args, in), between...), out)
	if said, err := exec.CommandContext(ctx, tool, args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("sign %s: %w\n%s", name, err, said)
	}
	raw, err = os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("sign %s: it left no file: %w", name, err)
	}
	return raw, nil
}
