package sudo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// unseen finds a sudo of the user that has not loaded our plugin, 0 = none. It
// may be one that has only just begun, or one that its user stopped before the
// plugin was installed: that one would follow a rule without ever asking us. One
// that runs its command already can not be told from it by anything that its
// user could not make look so. Those of containers have another folder of rules.
func unseen(uid uint32, dir string) (pid int, err error) {
	ours, err := os.Stat(dir)
	if err != nil {
		return 0, fmt.Errorf("look at the folder of rules: %w", err)
	}
	program, err := filepath.EvalSymlinks(sudoPath)
	if err != nil {
		return 0, fmt.Errorf("find sudo: %w", err)
	}
	proc, err := os.Open("/proc")
	if err != nil {
		return 0, fmt.Errorf("look for other sudos: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return 0, fmt.Errorf("look for other sudos: %w", err)
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		exe, err := os.Readlink("/proc/" + name + "/exe")
		if err != nil || strings.TrimSuffix(exe, " (deleted)") != program {
			continue
		}
		real, err := (&peer{pid: pid}).statusUID()
		if err != nil || real != uid {
			continue // ended meanwhile, or it is root altogether by now: it has read its rules
		}
		if theirs, err := os.Stat("/proc/" + name + "/root" + dir); errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(ours, theirs) {
			continue
		}
		maps, err := os.ReadFile("/proc/" + name + "/maps")
		if err == nil && len(maps) > 0 && !bytes.Contains(maps, []byte("/"+filepath.Base(pluginTarget))) {
			return pid, nil
		}
	}
	return 0, nil
}
