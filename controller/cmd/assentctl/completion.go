package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Bounds of what is asked of the controller while somebody presses Tab.
const (
	tabTime = 2 * time.Second
	tabMost = 100
)

// completion prints the script of a shell.
func (a *app) completion() *cobra.Command {
	return &cobra.Command{Use: "completion bash|zsh|fish|powershell", Short: "Print the script with which a shell completes nouns, verbs, flags and ids",
		Long: "Print the script with which a shell completes nouns, verbs, flags and ids. For all time:\n\n" +
			"  bash        assentctl completion bash > ~/.local/share/bash-completion/completions/assentctl\n" +
			"  zsh         assentctl completion zsh > \"${fpath[1]}/_assentctl\"\n" +
			"  fish        assentctl completion fish > ~/.config/fish/completions/assentctl.fish\n" +
			"  powershell  assentctl completion powershell >> $PROFILE\n\n" +
			"In bash for this shell alone: source <(assentctl completion bash)",
		Args: cobra.ExactArgs(1), ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(c *cobra.Command, args []string) error {
			return a.run(func(context.Context, []string) error {
				return a.write(func(w io.Writer) error {
					switch args[0] {
					case "bash":
						_, err := io.WriteString(w, bashScript)
						return err
					case "zsh":
						return c.Root().GenZshCompletion(w)
					case "fish":
						return c.Root().GenFishCompletion(w, true)
					case "powershell":
						return c.Root().GenPowerShellCompletionWithDesc(w)
					}
					return usage(fmt.Sprintf("there is no completion for %q", args[0]), "shells: bash zsh fish powershell")
				})
			})(c, args)
		}}
}

// bashScript needs no other package, and never runs what stands on the line.
const bashScript = `# bash completion for assentctl
__assentctl_complete() {
    local words=() word i out line directive cur value
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        # bash breaks --flag=value into three words
        if [[ ${#words[@]} -gt 0 && ( $word == "=" || ${COMP_WORDS[i-1]} == "=" ) && ${words[${#words[@]}-1]} == --* ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
    done
    cur=${words[${#words[@]}-1]}
    out=$("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null) || return
    directive=${out##*:}
    out=${out%:*}
    [[ $cur == --*=* ]] && cur=${cur#*=}
    COMPREPLY=()
    local found=()
    while IFS= read -r line; do
        [[ -z $line || $line == _activeHelp_* ]] && continue
        value=${line%%$'\t'*}
        [[ $value == "$cur"* ]] && found+=("$line")
    done <<<"$out"
    if ((${#found[@]} == 1)); then
        COMPREPLY=("${found[0]%%$'\t'*}")
    else
        for line in "${found[@]}"; do
            value=${line%%$'\t'*}
            if [[ $line == *$'\t'* && ${COMP_TYPE:-9} != 37 ]]; then
                value+="  (${line#*$'\t'})"
            fi
            COMPREPLY+=("$value")
        done
    fi
    if ((directive & 2)); then compopt -o nospace 2>/dev/null; fi
    if ((${#COMPREPLY[@]} == 0 && !(directive & 4))); then compopt -o default 2>/dev/null; fi
}
complete -F __assentctl_complete assentctl
`

// words completes a flag by fixed words; with commas, the last of them.
func words(all ...string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before, last := "", typed
		if i := strings.LastIndex(typed, ","); i >= 0 {
			before, last = typed[:i+1], typed[i+1:]
		}
		var out []string
		for _, w := range all {
			if strings.HasPrefix(w, last) {
				out = append(out, before+w)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// tab asks the controller while somebody presses Tab. What goes wrong completes
// to nothing: a prompt is no place for errors.
func (a *app) tab(ask func(ctx context.Context, c *client.Client) []string) []string {
	c, err := a.connect()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), tabTime)
	defer cancel()
	return ask(ctx, c)
}

// tabRequests completes ids of requests in these states by their endings, each
// with what it is.
func (a *app) tabRequests(mine bool, states ...string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		q := url.Values{"status": {strings.Join(states, ",")}}
		if mine {
			q.Set("mine", "true")
		}
		rows := a.tab(func(ctx context.Context, c *client.Client) []string {
			all, err := client.All[client.Request](ctx, c, "/requests", q, tabMost)
			if err != nil {
				return nil
			}
			ids := idsOf(all, func(r client.Request) string { return r.ID })
			var out []string
			for i, r := range all {
				name := shortest(ids, i, typed)
				if name != "" && !slices.Contains(args, name) && !slices.Contains(args, r.ID) {
					out = append(out, name+"\t"+inert.Text(cut(r.User.Name+" on "+first(str(r.Endpoint.Name), r.Endpoint.ID)+": "+application(r), 70)))
				}
			}
			return out
		})
		return rows, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// shortest is the shortest ending of an id that no other one has; the whole id where
// that is what was begun.
func shortest(ids []string, i int, typed string) string {
	if strings.Contains(typed, "_") {
		return ids[i]
	}
	for n := minEnding; n <= len(ids[i]); n++ {
		end := ids[i][len(ids[i])-n:]
		alone := true
		for j, other := range ids {
			alone = alone && (i == j || !strings.HasSuffix(other, end))
		}
		if alone {
			return end
		}
	}
	return ids[i]
}

// tabThings completes the ids of a noun, by name where it has names.
func tabThings[T any](a *app, t thing[T]) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		out := a.tab(func(ctx context.Context, c *client.Client) []string {
			rows, err := client.All[T](ctx, c, t.path, nil, tabMost)
			if err != nil {
				return nil
			}
			var out []string
			for _, r := range rows {
				name, about := elevation.ShortID(t.id(r)), ""
				if t.names != nil && !strings.ContainsAny(t.names(r)[0], " \t'\"\\$`") {
					name = t.names(r)[0]
				}
				for _, c := range t.cols[1:min(3, len(t.cols))] {
					about = strings.TrimSpace(about + " " + c.text(r))
				}
				if !slices.Contains(args, name) {
					out = append(out, inert.Text(name)+"\t"+inert.Text(cut(about, 60)))
				}
			}
			return out
		})
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// complete gives flags and arguments below a command what they complete by.
func (a *app) complete(root *cobra.Command) {
	fixed := map[string][]string{
		"format": {"table", "json", "jsonl", "csv", "yaml", "id"}, "priority": {"low", "normal", "high", "urgent"}, "lasts": {"once", "8h", "1d", "7d"},
		"status": append(statuses(), "all"), "sort": {"queue", "newest", "waited", "priority", "user", "endpoint"},
		"group-by": {"program", "publisher", "user", "endpoint"}, "mode": {"observe", "ask", "enforce"}, "for": {"15m", "30m", "1h", "4h", "8h"}, "since": {"1h", "24h", "7d"},
		"role": {"administrator", "security_admin", "rule_author", "approver", "auditor", "requester"}, "as": {"json", "cef", "ocsf", "syslog"},
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for name, all := range fixed {
			if c.Flags().Lookup(name) != nil {
				_ = c.RegisterFlagCompletionFunc(name, words(all...))
			}
		}
		if path := c.CommandPath(); strings.HasPrefix(path, "assentctl approval") || strings.HasPrefix(path, "assentctl request") {
			a.completeRequests(c)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	_ = root.RegisterFlagCompletionFunc("format", words(fixed["format"]...))
}

func statuses() []string {
	return []string{"available", "pending", "approved", "active", "ended", "revoked", "expired", "denied", "cancelled", "escalated", "pending_review", "reviewed"}
}

// completeRequests completes the ids of verbs by what the verb is for.
func (a *app) completeRequests(c *cobra.Command) {
	states := map[string][]string{"approve": {"pending"}, "deny": {"pending"}, "ask": {"pending"}, "claim": {"pending"}, "escalate": {"pending"}, "prioritize": {"pending"},
		"nudge": {"pending"}, "answer": {"pending"}, "undo": {"pending", "approved", "denied"}, "revoke": {"available", "approved"}, "cancel": {"pending"},
		"checkin": {"available"}, "extend": {"active"}, "remove": {"denied", "expired", "ended", "cancelled", "revoked"},
		"resubmit": {"denied", "expired", "ended", "cancelled"}, "after-review": {"pending_review"}, "view": {"all"}, "proof": {"all"}}
	mine := c.Parent() != nil && c.Parent().Name() == "request"
	if s, ok := states[c.Name()]; ok && c.Parent() != nil && (mine || c.Parent().Name() == "approval") {
		c.ValidArgsFunction = a.tabRequests(mine, s...)
	}
	if f := c.Flags(); f.Lookup("type") != nil && f.Lookup("status") != nil {
		_ = c.RegisterFlagCompletionFunc("type", words(append(statuses(), "all", "run", "session", "admin")...))
		var names []string
		for _, col := range requestColumns(time.Now()) {
			names = append(names, col.name)
		}
		_ = c.RegisterFlagCompletionFunc("columns", words(names...))
	}
	if c.Name() == "action" {
		_ = c.RegisterFlagCompletionFunc("approve", a.tabRequests(false, "pending"))
		_ = c.RegisterFlagCompletionFunc("deny", a.tabRequests(false, "pending"))
		_ = c.RegisterFlagCompletionFunc("remove", func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if strings.HasPrefix(typed, "@") {
				return words("@approved", "@denied", "@expired", "@escalated", "@pending")(c, args, typed)
			}
			out, how := a.tabRequests(false, "denied", "expired", "ended", "cancelled", "revoked")(c, args, typed)
			return append([]string{"@approved", "@denied", "@expired", "@escalated", "@pending"}, out...), how
		})
	}
}
