package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// fill gives flags that were not typed their value from the environment, else
// from the TOML file. A key of the file that is no flag is an error. With names,
// only those flags are filled: a switch of one call is never in an environment.
func (a *app) fill(c *cobra.Command, names ...string) error {
	set := func(f *pflag.Flag, value, from string) error {
		if err := c.Flags().Set(f.Name, value); err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		return nil
	}
	var missing []*pflag.Flag
	var err error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || err != nil || len(names) > 0 && !slices.Contains(names, f.Name) {
			return
		}
		name := "ASSENT_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value, ok := a.env(name); ok {
			err = set(f, value, name)
			return
		}
		missing = append(missing, f)
	})
	config := c.Flags().Lookup("config")
	if err != nil || config == nil || config.Value.String() == "" {
		return err
	}
	file := config.Value.String()
	values, err := readFile(file)
	if err != nil {
		return err
	}
	for key, value := range values {
		name := strings.ReplaceAll(key, "_", "-")
		if c.Flags().Lookup(name) == nil || name == "config" || name == "help" {
			return fmt.Errorf("%s: there is no setting %q", file, key)
		}
		i := slices.IndexFunc(missing, func(f *pflag.Flag) bool { return f.Name == name })
		if i < 0 {
			continue // a flag or the environment won
		}
		list, several := value.([]string)
		if !several {
			if err := set(missing[i], fmt.Sprint(value), file+": "+key); err != nil {
				return err
			}
			continue
		}
		repeated, ok := missing[i].Value.(pflag.SliceValue)
		if !ok {
			return fmt.Errorf("%s: %q takes one value, not a list", file, key)
		}
		if err := repeated.Replace(list); err != nil {
			return fmt.Errorf("%s: %s: %w", file, key, err)
		}
	}
	return nil
}

// readFile reads keys with plain values, and lists of texts as []string.
func readFile(path string) (map[string]any, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	values := map[string]any{}
	if err := toml.Unmarshal(raw, &values); err != nil {
		return nil, fmt.Errorf("read the configuration %s: %w", path, err)
	}
	for key, value := range values {
		switch v := value.(type) {
		case string, bool, int64:
			continue
		case []any:
			list := []string{}
			for _, one := range v {
				if text, ok := one.(string); ok {
					list = append(list, text)
				}
			}
			if len(list) == len(v) {
				values[key] = list
				continue
			}
		}
		return nil, fmt.Errorf("%s: the value of %q is neither plain nor a list of texts", path, key)
	}
	return values, nil
}
