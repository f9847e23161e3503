package intercept

import (
	"context"
	"os"

	"github.com/assent-epm/assent/agent/mactool"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/publisher"
	"github.com/assent-epm/assent/shared/elevation"
)

// signedFolder is where copies are looked at.
const signedFolder = "/private/var/db/com.assent-epm.agent"

// madeBy is who signed an open program, as codesign verified it. One whose signature
// is wrong or not trusted is a program of nobody.
func madeBy(f *os.File, sum string) elevation.Publisher {
	m := publisher.Mac{Tools: mactool.System{}, Safe: signedFolder, RootOnly: privilege.RootOnly}
	by, err := m.Of(context.Background(), f, sum) // its time is bounded
	if err != nil {
		return elevation.Publisher{}
	}
	return by
}
