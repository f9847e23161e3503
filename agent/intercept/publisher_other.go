//go:build !windows && !darwin

package intercept

import (
	"os"

	"github.com/assent-epm/assent/shared/elevation"
)

// madeBy is nobody: programs here carry no signature that the system checks.
func madeBy(*os.File, string) elevation.Publisher { return elevation.Publisher{} }
