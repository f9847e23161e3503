package intercept

import (
	"os"

	"github.com/assent-epm/assent/agent/publisher"
	"github.com/assent-epm/assent/shared/elevation"
)

// madeBy is who signed an open program, as Windows verified it. One whose signature
// is wrong or not trusted is a program of nobody.
func madeBy(f *os.File, _ string) elevation.Publisher {
	by, err := publisher.Of(f)
	if err != nil {
		return elevation.Publisher{}
	}
	return by
}
