package manual

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// Shells are those that there is a completion for, with the file that each looks for.
var Shells = map[string]string{
	"bash": "usr/share/bash-completion/completions/director",
	"zsh":  "usr/share/zsh/vendor-completions/_director",
	"fish": "usr/share/fish/vendor_completions.d/director.fish",
}

// Completion is the completion of a shell: commands, their flags, the words
// that a flag takes, and files where a flag or an argument names one.
func Completion(shell string, commands *kong.Application) string {
	list := visible(commands.Node)
	switch shell {
	case "bash":
		return bashCompletion(list)
	case "zsh":
		return zshCompletion(list)
	case "fish":
		return fishCompletion(list)
	}
	return ""
}

const made = "# Made from director's command line by make packages.\n"

// words are what a flag takes, when it takes one of several.
func enumWords(f *kong.Flag) (list []string) {
	if f.Enum == "" {
		return nil
	}
	for _, w := range f.EnumSlice() {
		if w != "" {
			list = append(list, w)
		}
	}
	return list
}

// takesFile says whether a value is the name of a file or a directory.
func takesFile(f *kong.Flag) bool {
	switch f.PlaceHolder {
	case "FILE", "DIR", "PATH":
		return f.Name != "url"
	}
	return false
}

func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

func bashCompletion(list []*kong.Node) string {
	var b strings.Builder
	b.WriteString(made + `_director() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words='' files=''
	# An equals sign is a word of its own.
	[ "$cur" = = ] && cur=
	[ "$prev" = = ] && [ "$COMP_CWORD" -ge 2 ] && prev=${COMP_WORDS[COMP_CWORD-2]}
	if [ "$COMP_CWORD" -eq 1 ]; then
`)
	var begins []string
	second := map[string][]string{}
	for _, c := range list {
		words := strings.Fields(path(c))
		if len(begins) == 0 || begins[len(begins)-1] != words[0] {
			begins = append(begins, words[0])
		}
		if len(words) > 1 {
			second[words[0]] = append(second[words[0]], words[1])
		}
	}
	fmt.Fprintf(&b, "\t\tCOMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n\t\treturn\n\tfi\n", strings.Join(begins, " "))
	if len(second) > 0 {
		b.WriteString("\tif [ \"$COMP_CWORD\" -eq 2 ]; then\n\t\tcase ${COMP_WORDS[1]} in\n")
		for _, w := range begins {
			if s := second[w]; s != nil {
				fmt.Fprintf(&b, "\t\t%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", w, strings.Join(s, " "))
			}
		}
		b.WriteString("\t\tesac\n\tfi\n")
	}
	b.WriteString("\tcase ${COMP_WORDS[1]}:${COMP_WORDS[2]} in\n")
	for _, c := range list {
		words := append(strings.Fields(path(c)), "*")
		var names []string
		fmt.Fprintf(&b, "\t%s:%s)\n\t\tcase $prev in\n", words[0], words[1])
		for _, f := range flags(c) {
			names = append(names, "--"+f.Name)
			if !takesValue(f) {
				continue
			}
			pattern := "--" + f.Name
			if f.Short != 0 {
				pattern = "-" + string(f.Short) + "|" + pattern
			}
			switch {
			case len(enumWords(f)) > 0:
				fmt.Fprintf(&b, "\t\t%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", pattern,
					strings.Join(enumWords(f), " "))
			case takesFile(f):
				fmt.Fprintf(&b, "\t\t%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", pattern)
			default:
				fmt.Fprintf(&b, "\t\t%s) return ;;\n", pattern)
			}
		}
		fmt.Fprintf(&b, "\t\tesac\n\t\twords='%s'\n", strings.Join(append(names, "--help"), " "))
		for _, a := range c.Positional {
			if a.Name == "file" {
				b.WriteString("\t\tfiles=yes\n")
			}
		}
		b.WriteString("\t\t;;\n")
	}
	b.WriteString(`	esac
	case $cur in
	-*) COMPREPLY=($(compgen -W "$words" -- "$cur")) ;;
	*) [ -n "$files" ] && COMPREPLY=($(compgen -f -- "$cur")) ;;
	esac
}
complete -o filenames -F _director director
`)
	return b.String()
}

// shellText is text inside of single quotes.
func shellText(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }

// first is the command that the first word names: of a group the group.
func first(n *kong.Node) *kong.Node {
	for n.Parent != nil && n.Parent.Type == kong.CommandNode {
		n = n.Parent
	}
	return n
}

func zshCompletion(list []*kong.Node) string {
	var b strings.Builder
	named := map[string]bool{}
	b.WriteString("#compdef director\n" + made + "local -a commands\ncommands=(\n")
	for _, c := range list {
		if c = first(c); !named[c.Name] {
			named[c.Name] = true
			fmt.Fprintf(&b, "\t'%s:%s'\n", c.Name, shellText(c.Help))
		}
	}
	b.WriteString(")\nif (( CURRENT == 2 )); then\n\t_describe command commands\n\treturn\nfi\n" +
		"local command=$words[2]\nshift words\n(( CURRENT-- ))\ncase $command in\n")
	// What ends a field of _arguments is escaped.
	field := strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`)
	for _, c := range list {
		if strings.Contains(path(c), " ") {
			continue
		}
		fmt.Fprintf(&b, "%s)\n\t_arguments", c.Name)
		for _, f := range flags(c) {
			action := ""
			switch {
			case len(enumWords(f)) > 0:
				action = ":" + f.Name + ":(" + strings.Join(enumWords(f), " ") + ")"
			case takesFile(f):
				action = ":" + f.Name + ":_files"
			case takesValue(f):
				action = ":" + f.Name + ": "
			}
			help := shellText(field.Replace(f.Help))
			equals := ""
			if action != "" {
				equals = "="
			}
			fmt.Fprintf(&b, " \\\n\t\t'--%s%s[%s]%s'", f.Name, equals, help, action)
			if f.Short != 0 {
				fmt.Fprintf(&b, " \\\n\t\t'-%c[%s]%s'", f.Short, help, action)
			}
		}
		for _, a := range c.Positional {
			action := " "
			if a.Name == "file" {
				action = "_files"
			}
			fmt.Fprintf(&b, " \\\n\t\t'::%s:%s'", a.Name, action)
		}
		b.WriteString("\n\t;;\n")
	}
	b.WriteString("esac\n")
	return b.String()
}

func fishCompletion(list []*kong.Node) string {
	var b strings.Builder
	b.WriteString(made + "complete -c director -f\n")
	quote := strings.NewReplacer(`\`, `\\`, "'", `\'`)
	named := map[string]bool{}
	for _, c := range list {
		if f := first(c); !named[f.Name] {
			named[f.Name] = true
			fmt.Fprintf(&b, "complete -c director -n __fish_use_subcommand -a %s -d '%s'\n", f.Name, quote.Replace(f.Help))
		}
		if strings.Contains(path(c), " ") {
			continue // the flags of groups are left to --help
		}
		seen := fmt.Sprintf("complete -c director -n '__fish_seen_subcommand_from %s'", c.Name)
		for _, f := range flags(c) {
			line := fmt.Sprintf("%s -l %s", seen, f.Name)
			if f.Short != 0 {
				line += fmt.Sprintf(" -s %c", f.Short)
			}
			switch {
			case len(enumWords(f)) > 0:
				line += " -x -a '" + strings.Join(enumWords(f), " ") + "'"
			case takesFile(f):
				line += " -r -F"
			case takesValue(f):
				line += " -x"
			}
			fmt.Fprintf(&b, "%s -d '%s'\n", line, quote.Replace(f.Help))
		}
		for _, a := range c.Positional {
			if a.Name == "file" {
				fmt.Fprintf(&b, "%s -F\n", seen)
			}
		}
	}
	return b.String()
}
