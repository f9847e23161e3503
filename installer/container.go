package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// certificates of the building machine: what the controller calls, such as mail
// servers and identity providers, is checked with them.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

// container fills dist/container: a folder from which any container tool makes
// the controller's image, without a network.
func (j *job) container() error {
	dir := filepath.Join(j.out, "container")
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		return err
	}
	file, err := assets.ReadFile("container/Containerfile")
	if err != nil {
		return err
	}
	roots, err := os.ReadFile(certificates)
	if err != nil {
		return fmt.Errorf("the container needs certificates (Debian/Ubuntu: apt-get install ca-certificates): %w", err)
	}
	errs := []error{os.WriteFile(filepath.Join(dir, "Containerfile"), file, 0o644), os.WriteFile(filepath.Join(dir, "ca-certificates.crt"), roots, 0o644),
		os.WriteFile(filepath.Join(dir, "data", ".keep"), nil, 0o600)}
	for _, arch := range j.arches {
		raw, err := os.ReadFile(j.programPath("assent-controller", linux, arch))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		to := filepath.Join(dir, arch)
		errs = append(errs, os.MkdirAll(to, 0o755), os.WriteFile(filepath.Join(to, "assent-controller"), raw, 0o755))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("container: %w", err)
	}
	fmt.Fprintln(j.say, "made:", dir)
	return nil
}
