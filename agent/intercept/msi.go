package intercept

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Windows Installer reads more files than the one it is called for: transforms and
// patches change what a package does. All of them are bound as the package is, and
// a call that names one in a way which leaves open what is read is refused.

// installs reports whether a program is Windows Installer.
func installs(name string) bool {
	base := strings.ToLower(path.Base(strings.ReplaceAll(name, `\`, "/")))
	return base == "msiexec.exe" || base == "msiexec"
}

var (
	property = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_.]*)=`)
	hidden   = regexp.MustCompile(`(?i)(TRANSFORMS|PATCH|MSIPATCHES)\s*=`)
	onDisk   = regexp.MustCompile(`^[A-Za-z]:\\[^:*?"<>|]+$`)
	product  = regexp.MustCompile(`^\{[0-9A-Fa-f-]{36}\}$`)
	number   = regexp.MustCompile(`^[0-9]{1,5}$`) // of a language
	option   = regexp.MustCompile(`^[/-][A-Za-z0-9*+!?]+$`)
	logs     = regexp.MustCompile(`(?i)^[/-](l[a-z*+!]*|log)$`)
)

// readByInstaller are the files on this machine that Windows Installer is told to
// read, each as a full path.
func readByInstaller(args []string) ([]string, error) {
	var files []string
	for i, arg := range args {
		list := arg
		if strings.Contains(arg, `"`) { // quotes end where it thinks, not where other programs do
			return nil, unclear(arg)
		}
		if m := property.FindStringSubmatch(arg); m != nil {
			name, value := strings.ToUpper(m[1]), arg[len(m[0]):]
			if hidden.MatchString(value) {
				return nil, unclear(arg)
			}
			if !slices.Contains([]string{"TRANSFORMS", "PATCH", "MSIPATCHES"}, name) {
				continue // for the package, which was looked at
			}
			list = value
		} else if option.MatchString(arg) || i > 0 && logs.MatchString(args[i-1]) {
			continue
		}
		for _, file := range strings.Split(list, ";") {
			file = strings.TrimSpace(file)
			switch {
			case file == "" || product.MatchString(file) || number.MatchString(file):
			case strings.HasPrefix(file, ":") && list != arg: // within the package
			case onDisk.MatchString(file):
				files = append(files, file)
			default:
				return nil, unclear(file)
			}
		}
	}
	return files, nil
}

func unclear(arg string) error {
	return fmt.Errorf("%w: Windows Installer is told of %s, and it is not clear which file that is: name each file by its full path on a drive of this computer", elevation.ErrInvalid, inert.Text(arg))
}
