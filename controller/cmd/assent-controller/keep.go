package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller"
)

// dataFlag is the folder that a verb works on, from flag or environment.
func (a *app) dataFlag(c *cobra.Command) *string {
	return c.Flags().String("data", defaultData, "folder of the controller")
}

// databaseFlag is the database that a verb works on, from flag or environment.
// The returned function reads it.
func databaseFlag(c *cobra.Command, otherwise string) func() (string, error) {
	text := c.Flags().String("db", "", "database: sqlite:PATH, a file on this machine (default: "+otherwise+")")
	return func() (string, error) {
		path, err := controller.ParseDatabase(*text)
		if err != nil {
			return "", usageError{fmt.Errorf("--db: %w", err)}
		}
		return path, nil
	}
}

func (a *app) backup() *cobra.Command {
	c := &cobra.Command{Use: "backup FILE", Short: "Write database, keys and settings into one new file; also while the controller runs", Args: cobra.ExactArgs(1),
		Long: "Write database, keys and settings into one new file (tar.gz, mode 0600), consistent\nalso while the controller runs. Whoever has the file has the keys: keep it like them.\n" +
			"The configuration file and certificates given with --tls-cert are not in it."}
	data, database := a.dataFlag(c), databaseFlag(c, asServed)
	c.RunE = does(func(c *cobra.Command, args []string) error {
		if err := a.fill(c, "data", "db"); err != nil {
			return usageError{err}
		}
		from, err := database()
		if err != nil {
			return err
		}
		if err := controller.Backup(c.Context(), *data, from, args[0], time.Now()); err != nil {
			return err
		}
		info, err := os.Stat(args[0])
		if err == nil {
			_, err = fmt.Fprintf(a.out, "backed up %s into %s, %d bytes\n", *data, args[0], info.Size())
		}
		return err
	})
	return c
}

func (a *app) restore() *cobra.Command {
	c := &cobra.Command{Use: "restore FILE", Short: "Make a data folder out of a backup; the folder must be empty or not there", Args: cobra.ExactArgs(1),
		Long: "Make a data folder out of a backup. The folder must be empty or not there, and every\nfile is checked before anything is put there.\n\n" +
			"What happened after the backup is not known any more: a checkpoint of the audit log\nthat was kept elsewhere shows it (assentctl audit verify --checkpoint). Endpoints\n" +
			"connect again by themselves and get what is in force; one whose identity moved on\nsince may be quarantined as a clone until it is unlocked (assentctl endpoint unlock)."}
	data, database := a.dataFlag(c), databaseFlag(c, inFolder)
	c.RunE = does(func(c *cobra.Command, args []string) error {
		if err := a.fill(c, "data", "db"); err != nil {
			return usageError{err}
		}
		to, err := database()
		if err != nil {
			return err
		}
		done, err := controller.Restore(c.Context(), args[0], *data, to)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "restored into %s what controller %s had at %s\nhint: assent-controller user reset LOGIN --data %s lets you in, once the controller runs\n",
			*data, done.Program, done.MadeAt.Format(time.RFC3339), *data)
		return err
	})
	return c
}

// health asks the controller of a data folder on this machine whether it is
// ready, for container tools and monitors.
func (a *app) health() *cobra.Command {
	c := &cobra.Command{Use: "health", Short: "Ask the controller on this machine whether it is ready: exit 0 or 1", Args: cobra.NoArgs}
	data := a.dataFlag(c)
	c.RunE = does(func(c *cobra.Command, _ []string) error {
		if err := a.fill(c, "data"); err != nil {
			return usageError{err}
		}
		ctx, cancel := context.WithTimeout(c.Context(), 4*time.Second)
		defer cancel()
		if err := ready(ctx, *data); err != nil {
			return fmt.Errorf("the controller is not ready: %w", err)
		}
		_, err := fmt.Fprintln(a.out, "ready")
		return err
	})
	return c
}

func ready(ctx context.Context, data string) error {
	raw, err := os.ReadFile(filepath.Join(data, "addresses.json"))
	if err != nil {
		return err
	}
	var where struct {
		Listen    string `json:"listen"`
		PublicURL string `json:"public_url"`
	}
	if err := json.Unmarshal(raw, &where); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(where.Listen)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.To4() == nil {
			host = "::1"
		}
	}
	// It is this machine that is asked, and only whether it answers: the name in
	// its certificate is another.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, ServerName: serverName(where.PublicURL)}}}
	var errs []error
	for _, scheme := range []string{"http://", "https://"} {
		ask, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+net.JoinHostPort(host, port)+"/readyz", nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(ask)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return nil
		}
		errs = append(errs, errors.New(answer.Status))
	}
	return errors.Join(errs...)
}

func serverName(public string) string {
	_, rest, _ := strings.Cut(public, "://")
	host, _, _ := strings.Cut(rest, "/")
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}
