package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"
)

// settings come from flags, then the environment, then the file, then defaults.
type settings struct {
	config  string
	data    string
	runtime string
	verbose bool
}

// file is /etc/assent/agent.toml.
type file struct {
	Controller string `toml:"controller"` // https://HOST:8443, used by enroll
	Data       string `toml:"data"`
	Runtime    string `toml:"runtime"`
	Sudo       *bool  `toml:"sudo"`   // false leaves /etc/sudo.conf alone
	Plugin     string `toml:"plugin"` // the built plugin, default beside the program
}

func (s *settings) flags(f *pflag.FlagSet) {
	f.StringVar(&s.config, "config", os.Getenv("ASSENT_CONFIG"), "configuration file (default "+defaultConfig()+")")
	f.StringVar(&s.data, "data", os.Getenv("ASSENT_DATA"), "data folder (default "+defaultData()+")")
	f.StringVar(&s.runtime, "runtime", os.Getenv("ASSENT_RUNTIME"), "folder of the sockets (default "+defaultRuntime()+")")
	f.BoolVarP(&s.verbose, "verbose", "v", false, "log more")
}

// load reads the file, if there is one, and fills what flags and environment
// left open.
func (s *settings) load() (file, error) {
	var f file
	path, asked := s.config, s.config != ""
	if !asked {
		path = defaultConfig()
	}
	raw, err := os.Open(path)
	switch {
	case err == nil:
		defer raw.Close()
		d := toml.NewDecoder(raw)
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			return f, hinted{fmt.Errorf("read %s: %w", path, err), "correct the file; its keys are controller, data, runtime, sudo, plugin"}
		}
	case asked || !errors.Is(err, fs.ErrNotExist):
		return f, hinted{fmt.Errorf("read the configuration: %w", err), "check --config and ASSENT_CONFIG"}
	}
	s.data = cmp.Or(s.data, f.Data, defaultData())
	s.runtime = cmp.Or(s.runtime, f.Runtime, defaultRuntime())
	for _, dir := range []string{s.data, s.runtime} {
		if !filepath.IsAbs(dir) {
			return f, hinted{fmt.Errorf("%w: %q is not an absolute path", errUsage, dir), "give the whole path of the folder"}
		}
	}
	if f.Plugin == "" {
		f.Plugin = besideProgram("assent_sudo.so")
	}
	return f, nil
}

func (f file) sudo() bool { return f.Sudo == nil || *f.Sudo }

func besideProgram(name string) string {
	exe, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(exe), name)
}

func defaultConfig() string {
	switch runtime.GOOS {
	case "windows":
		return `C:\ProgramData\Assent\agent.toml`
	case "darwin":
		return "/Library/Application Support/Assent/agent.toml"
	}
	return "/etc/assent/agent.toml"
}

func defaultData() string {
	switch runtime.GOOS {
	case "windows":
		return `C:\ProgramData\Assent`
	case "darwin":
		return "/Library/Application Support/Assent"
	}
	return "/var/lib/assent"
}

func defaultRuntime() string {
	switch runtime.GOOS {
	case "windows":
		return `C:\ProgramData\Assent\run`
	case "darwin":
		return "/var/run/assent"
	}
	return "/run/assent"
}
