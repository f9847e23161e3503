package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/assent-epm/assent/controller"
)

func (a *app) keys() *cobra.Command {
	group := func(use, short string, of ...*cobra.Command) *cobra.Command {
		c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
		c.AddCommand(of...)
		return c
	}
	return group("keys", "Keep the most important key of the controller elsewhere",
		group("root", "The root key, which every endpoint trusts", a.exportRoot()))
}

func (a *app) exportRoot() *cobra.Command {
	c := &cobra.Command{Use: "export", Short: "Print the private root key (PEM); with --remove it is deleted from the folder then", Args: cobra.NoArgs,
		Long: "Print the private root key (PEM). Whoever has it can make keys that every endpoint trusts.\n\n" +
			"The controller needs it for a new key set only, every 90 days. With --remove it is deleted\nfrom the folder after it was written out; the controller must be stopped for that, and the\noutput be a file.\n\n" +
			"It serves on without the key. From the day on which a new key set is due its log warns,\nand there are 90 days to bring the key back: stop the controller, put the file back as\nkeys/root.key in the folder of --data (mode 0600, of the controller's account), start the\ncontroller, which makes the set then, and remove the key again.\n\n" +
			"Backups that were made before still have the key.",
		Example: "  (umask 077; assent-controller keys root export --remove > root.pem)"}
	data := a.dataFlag(c)
	var remove, terminal bool
	c.Flags().BoolVar(&remove, "remove", false, "delete the key from the folder once it is in the file")
	c.Flags().BoolVar(&terminal, "terminal", false, "print it on a terminal too")
	c.RunE = does(func(c *cobra.Command, _ []string) error {
		if err := a.fill(c, "data"); err != nil {
			return usageError{err}
		}
		file, err := a.secretOut(remove, terminal)
		if err != nil {
			return usageError{err}
		}
		err = controller.ExportRoot(*data, remove, func(pem []byte) error {
			if _, err := a.out.Write(pem); err != nil {
				return fmt.Errorf("write the key: %w", err)
			}
			if file == nil {
				return nil
			}
			return file.Sync()
		})
		if err == nil && remove {
			fmt.Fprintf(a.err, "the root key was removed from %s; backups from before still have it\n"+
				"hint: the log warns when a new key set is due; how to bring the key back then says assent-controller keys root export --help\n", filepath.Join(*data, "keys"))
		}
		return err
	})
	return c
}

// secretOut looks at the place where a secret is to go before it is read, and
// answers it if it is a file.
func (a *app) secretOut(remove, terminal bool) (*os.File, error) {
	f, ok := a.out.(*os.File)
	if ok && term.IsTerminal(int(f.Fd())) && !terminal {
		return nil, errors.New("the key would stand on the terminal: send it into a file (> root.pem), or give --terminal")
	}
	var mode os.FileMode = os.ModeIrregular
	if ok {
		info, err := f.Stat()
		if err != nil {
			return nil, fmt.Errorf("look at the output: %w", err)
		}
		mode = info.Mode()
	}
	if !mode.IsRegular() {
		if remove {
			return nil, errors.New("--remove wants a file as output (> root.pem), to be sure that the key is kept before it is deleted")
		}
		return nil, nil
	}
	if mode.Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		fmt.Fprintln(a.err, "warning: others may read the file with the key: chmod 600 it")
	}
	return f, nil
}
