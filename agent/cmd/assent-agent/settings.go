package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"

	"github.com/assent-epm/assent/agent/authright"
	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
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
	Polkit     *bool  `toml:"polkit"` // false leaves polkit's rules alone
	Setuid     *bool  `toml:"setuid"` // false watches no setuid programs
	Plugin     string `toml:"plugin"` // the built plugin, default the one that came with the program
	Proxy      string `toml:"proxy"`  // http://, https:// or socks5://, or "none"; default what the environment and the system say; see proxy-login
	NoProxy    string `toml:"no_proxy"`
	// Rights says who may use authorization rights of macOS: user, admin or nobody.
	Rights map[string]authright.Level `toml:"rights"`
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
		if err := configIsOurs(path); err != nil {
			return f, err
		}
		d := toml.NewDecoder(raw)
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			return f, hinted{fmt.Errorf("read %s: %w", path, err), "correct the file; its keys are controller, data, runtime, sudo, polkit, setuid, plugin, proxy, no_proxy, rights"}
		}
		if err := errors.Join(f.secretIsKept(raw), f.rightsAreOurs(runtime.GOOS)); err != nil {
			return f, err
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
		f.Plugin = ownPlugin()
	}
	return f, nil
}

// ownFolders are the flags that a service needs to use the folders that this
// command was told, none for the usual ones.
func (s *settings) ownFolders() []string {
	var args []string
	if s.data != "" && s.data != defaultData() {
		args = append(args, "--data", s.data)
	}
	if s.runtime != "" && s.runtime != defaultRuntime() {
		args = append(args, "--runtime", s.runtime)
	}
	return args
}

// secretIsKept refuses a password in a file that others can read.
func (f file) secretIsKept(file *os.File) error {
	u, err := url.Parse(f.Proxy)
	if err != nil {
		return hinted{errors.New("the proxy is not an address"), "proxy = \"http://HOST:PORT\" or \"none\""}
	}
	if _, secret := u.User.Password(); !secret {
		return nil
	}
	alone, err := readAlone(file)
	if err != nil {
		return fmt.Errorf("look at the configuration: %w", err)
	}
	if !alone {
		return hinted{fmt.Errorf("%s has the proxy's password and others can read it", file.Name()), closeFile(file.Name())}
	}
	return nil
}

// rightsAreOurs refuses rights that can not be set here.
func (f file) rightsAreOurs(system string) error {
	if len(f.Rights) > 0 && system != "darwin" {
		return hinted{errors.New("rights are of macOS"), "take [rights] out of the configuration of this machine"}
	}
	if err := elevation.CheckAuthorizationRights(f.Rights); err != nil {
		return hinted{fmt.Errorf("read the rights: %w", err), "for example \"system.preferences.printing\" = \"user\"; user, admin or nobody"}
	}
	return nil
}

func (f file) proxies(set *settings) link.Proxies {
	return link.Proxies{Dir: set.data, Setting: f.Proxy, NoProxy: f.NoProxy}
}

func (f file) sudo() bool { return f.Sudo == nil || *f.Sudo }

func (f file) polkit() bool { return f.Polkit == nil || *f.Polkit }

func (f file) setuid() bool { return f.Setuid == nil || *f.Setuid }

// ownPlugin is the plugin that came with this program.
func ownPlugin() string { return companion("assent_sudo.so") }

// companion is a file that came with this program: beside it, or where a package
// puts it.
func companion(name string) string {
	for _, path := range []string{besideProgram(name), besideProgram("../libexec/assent/" + name)} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return besideProgram(name)
}

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

func defaultRuntime() string { return local.UsualRuntime() }
