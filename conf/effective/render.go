package effective

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/keyword"
)

// Render writes the effective configuration as a configuration: every value,
// with a comment that says where it came from. Secrets are masked.
func Render(w io.Writer, c *conf.Config) error {
	var b strings.Builder
	for i, s := range Sections(c) {
		if i > 0 {
			b.WriteByte('\n')
		}
		render(s, &b, "")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// RenderJSON writes the same as JSON: a list of blocks.
func RenderJSON(w io.Writer, c *conf.Config) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(Sections(c))
}

// commentColumn is where comments begin, unless the line is longer.
const commentColumn = 48

func render(s keyword.Section, b *strings.Builder, indent string) {
	inner := indent + "    "
	if s.Keyword == "" {
		inner = indent // the lines of the top level
	} else {
		line(b, indent+strings.Join(append([]string{s.Keyword}, QuoteAll(s.Words)...), " ")+" {", s.From)
	}
	for _, x := range s.Settings {
		words := QuoteAll(x.Words)
		if len(words) > 0 && commands[x.Keyword] {
			words[0] = quoteCommand(x.Words[0])
		}
		line(b, inner+strings.Join(append([]string{quote(x.Keyword)}, words...), " "), x.From)
	}
	for _, sub := range s.Sections {
		render(sub, b, inner)
	}
	if s.Keyword != "" {
		b.WriteString(indent + "}\n")
	}
}

func line(b *strings.Builder, text, from string) {
	b.WriteString(text)
	if from != "" {
		for n := utf8.RuneCountInString(text); n < commentColumn; n++ {
			b.WriteByte(' ')
		}
		fmt.Fprintf(b, " # %s", from)
	}
	b.WriteByte('\n')
}

// QuoteAll writes words as a configuration has them.
func QuoteAll(words []string) []string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return quoted
}

// quote makes a word one that is read as it is.
func quote(s string) string {
	if s == "" || strings.ContainsAny(s, " \t\v\f#!{}'") || s[0] == '@' || s[0] == '$' || s[0] == '~' {
		return `"` + s + `"`
	}
	return s
}

// commands are the keywords whose first word is read shell-like.
var commands = map[string]bool{
	"script": true, "misc_path": true, "startup_script": true, "shutdown_script": true,
	"notify": true, "notify_master": true, "notify_backup": true, "notify_fault": true, "notify_stop": true,
	"notify_deleted": true, "notify_master_rx_lower_pri": true, "notify_up": true, "notify_down": true,
	"quorum_up": true, "quorum_down": true,
	"notify_fifo_script": true, "vrrp_notify_fifo_script": true, "lvs_notify_fifo_script": true,
	"regex": true, "regex_no_match": true,
}

func quoteCommand(s string) string {
	if strings.Contains(s, `"`) {
		return "'" + s + "'"
	}
	return `"` + s + `"`
}
