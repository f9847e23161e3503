package sudo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/inert"
)

// Where the plugin and its lines are put.
const (
	pluginTarget = "/usr/libexec/assent/assent_sudo.so"
	sudoConf     = "/etc/sudo.conf"
)

// The marks around our lines in sudo.conf.
const (
	blockBegin = "# BEGIN assent: made by assent-agent, `assent-agent uninstall` removes it"
	blockEnd   = "# END assent"
)

// Plugin says what is installed where. Only Source and Socket have no default.
type Plugin struct {
	Source string // the built plugin
	Socket string // the socket the plugin shall use
	Target string // default /usr/libexec/assent/assent_sudo.so
	Conf   string // default /etc/sudo.conf

	step func(name string) // called between steps, for tests that die there
}

func (p Plugin) withDefaults() Plugin {
	if p.Target == "" {
		p.Target = pluginTarget
	}
	if p.Conf == "" {
		p.Conf = sudoConf
	}
	if p.step == nil {
		p.step = func(string) {}
	}
	return p
}

// ErrUnfit is returned for a sudo that worked, and did not with the plugin.
var ErrUnfit = errors.New("this sudo does not work with the plugin")

// InstallPlugin makes sudo load the plugin. It may be repeated, and heals what
// an interrupted one left. The order keeps sudo working whenever it is
// interrupted: sudo.conf names the plugin only while the plugin is there, as a
// sudo that misses one of its plugins refuses everybody, root too. When sudo
// does not work afterwards everything is undone and the error says so.
func InstallPlugin(ctx context.Context, p Plugin) error {
	p = p.withDefaults()
	if p.Socket == "" || !filepath.IsAbs(p.Socket) || strings.ContainsAny(p.Socket+p.Target, " \t\n\\\"#") {
		return fmt.Errorf("install the sudo plugin: %q is no path for sudo.conf", p.Socket)
	}
	if err := sudoWorks(ctx); err != nil {
		return fmt.Errorf("install the sudo plugin: sudo does not work as it is: %w", err)
	}
	if b, err := os.ReadFile(sudoersPath); err != nil || !included(string(b)) {
		return fmt.Errorf("install the sudo plugin: %s does not include %s: %w", sudoersPath, sudoersDir, errors.Join(err, errors.ErrUnsupported))
	}
	if err := p.copy(); err != nil {
		return fmt.Errorf("install the sudo plugin: %w", err)
	}
	p.step("copied")
	err := p.edit(p.block())
	p.step("edited")
	if err == nil {
		if err = sudoWorks(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: %w", ErrUnfit, err)
		}
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("install the sudo plugin: %w", err)
	return errors.Join(err, RemovePlugin(context.WithoutCancel(ctx), p))
}

// RemovePlugin takes the plugin out of sudo.conf and then away, unless a package
// brought it. It may be repeated, and heals what an interrupted installation or
// removal left.
func RemovePlugin(ctx context.Context, p Plugin) error {
	p = p.withDefaults()
	if err := p.edit(""); err != nil {
		return fmt.Errorf("remove the sudo plugin: %w", err) // the file stays as long as sudo.conf names it
	}
	p.step("unnamed")
	if p.packaged() {
		return nil
	}
	err := errors.Join(durable.Remove(p.Target), durable.Remove(p.Target+durable.Unfinished))
	p.step("removed")
	if err != nil {
		return fmt.Errorf("remove the sudo plugin: %w", err)
	}
	os.Remove(filepath.Dir(p.Target)) // only when empty
	return nil
}

// packaged reports whether a package put the plugin where sudo loads it from. It
// alone writes the file and takes it away.
func (p Plugin) packaged() bool { return filepath.Clean(p.Source) == p.Target }

func (p Plugin) block() string {
	line := func(name string) string { return "Plugin " + name + " " + p.Target + " socket=" + p.Socket + "\n" }
	return blockBegin + "\n" + line("assent_audit") + line("assent_approval") + blockEnd + "\n"
}

// copy puts the plugin in its place, readable by all and writable by root: sudo
// does not look at the owner of what it loads, so we do.
func (p Plugin) copy() error {
	content, err := os.ReadFile(p.Source)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(content), "\x7fELF") {
		return fmt.Errorf("%s is no plugin", p.Source)
	}
	if p.packaged() {
		return rootOwned(p.Target)
	}
	dir := filepath.Dir(p.Target)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	fresh := p.Target + durable.Unfinished
	if err := durable.Create(fresh, content, 0o644); err != nil {
		return err
	}
	p.step("written")
	if err := rootOwned(fresh); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return durable.Rename(fresh, p.Target)
}

// edit replaces our lines in sudo.conf by block. They come first: the sudoers
// plugin's own audit part would read sudoers otherwise before we are asked.
func (p Plugin) edit(block string) error {
	path, err := filepath.EvalSymlinks(p.Conf)
	if errors.Is(err, fs.ErrNotExist) {
		path = p.Conf
	} else if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if block == "" {
			return nil
		}
	case err != nil:
		return err
	default:
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		mode = info.Mode().Perm() &^ 0o022
	}
	rest, fresh := withoutBlock(string(old)), path+".assent-new"
	switch next := block + rest; {
	case next == string(old):
		return durable.Remove(fresh)
	case next == "":
		return errors.Join(durable.Remove(fresh), os.Remove(path), durable.SyncDir(filepath.Dir(path)))
	default:
		if err := durable.Create(fresh, []byte(next), mode); err != nil {
			return err
		}
		p.step("conf written")
		return durable.Rename(fresh, path)
	}
}

// withoutBlock is text without any line of ours, also when somebody moved or
// cut the block.
func withoutBlock(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		t := strings.TrimSpace(line)
		f := strings.Fields(t)
		ours := t == blockBegin || t == blockEnd ||
			len(f) >= 2 && f[0] == "Plugin" && (f[1] == "assent_audit" || f[1] == "assent_approval")
		if !ours {
			b.WriteString(line)
		}
	}
	return b.String()
}

// included reports whether sudoers has the folder read where rules are put;
// without that an approved command would still be refused.
func included(sudoers string) bool {
	for line := range strings.Lines(sudoers) {
		f := strings.Fields(line)
		if len(f) == 2 && (f[0] == "@includedir" || f[0] == "#includedir") && filepath.Clean(strings.Trim(f[1], `"`)) == sudoersDir {
			return true
		}
	}
	return false
}

// recent reports whether a version of sudo has audit and approval plugins.
func recent(version string) bool { return atLeast(version, 1, 9, 2) }

// sudoWorks loads sudo with all its plugins and has sudoers checked.
func sudoWorks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, toolTime)
	defer cancel()
	out, exit, err := runSudo(ctx, []string{"-V"})
	if err == nil && exit != 0 {
		err = fmt.Errorf("sudo -V ended with %d: %s", exit, inert.Clip(inert.Text(out), 300))
	}
	if err != nil {
		return err
	}
	info, err := parseInfo(out)
	if err != nil {
		return err
	}
	if !recent(info.Version) {
		return fmt.Errorf("sudo %s has no approval plugins, 1.9.2 is the first", inert.Clip(inert.Text(info.Version), 40))
	}
	cmd := exec.CommandContext(ctx, visudoPath, "-c")
	cmd.Env = []string{"LC_ALL=C"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("visudo -c: %w: %s", err, inert.Text(strings.TrimSpace(string(out))))
	}
	return nil
}
