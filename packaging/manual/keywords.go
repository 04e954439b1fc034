package manual

import (
	"fmt"
	"strings"

	"github.com/lvs-director/director/conf/load/keyword"
)

const syntaxText = `director reads the language of keepalived.conf(5). A line is a keyword with its words. A block has braces; the
opening one stands at the end of the line, or alone on the next. A comment begins with # or ! and ends with the line. A
word with spaces stands in double quotes. A line that begins with @ID is read only on the host of that name, or when
--config-id says so; one that begins with @^ID everywhere else. $NAME=VALUE defines a word, $NAME or ${NAME} stands for it.
include PATTERN reads other files in its place.

director check FILE says what is wrong with a file, line by line; director config FILE prints every value that is in
force, with where it comes from.`

const legendText = `Behind each keyword stand the words that it takes, then its default and its unit. BOOL is true, on, yes, false,
off or no; without a word it is true. A keyword marked "director's own" is unknown to keepalived: it may stand in
/etc/director/local.conf, which director reads behind the main file, so that one keepalived.conf serves both.`

// Configuration is director.conf(5): every keyword of the tables, block by
// block. The example is a whole configuration.
func Configuration(keywords []keyword.Keyword, example string, e Edition) string {
	p := newPage("director.conf", 5, e.Date, e.Version, "File formats")
	p.macro("SH", "NAME")
	p.line(`director.conf \- configuration of director`)
	p.macro("SH", "SYNOPSIS")
	for _, f := range []string{
		"/etc/director/director.conf", "/etc/keepalived/keepalived.conf", "/etc/director/local.conf",
	} {
		p.line(".br")
		p.line(italic(f))
	}
	p.macro("SH", "DESCRIPTION")
	p.text(syntaxText)
	p.macro("SH", "KEYWORDS")
	p.text(legendText)
	block := "\x00"
	for _, k := range keywords {
		if k.Block != block {
			block = k.Block
			title := block
			if title == "" {
				title = "Top level"
			}
			p.macro("SS", title)
		}
		writeKeyword(p, k)
	}
	p.macro("SH", "EXAMPLE")
	p.code(example)
	seeAlso(p, "director(8)", "keepalived.conf(5)", "genhash(1)")
	return p.String()
}

func writeKeyword(p *page, k keyword.Keyword) {
	tag := bold(k.Name)
	if k.Value != "" {
		tag += " " + italic(k.Value)
	}
	p.item(tag)
	var says []string
	say := func(format string, args ...any) { says = append(says, fmt.Sprintf(format, args...)) }
	if k.AliasOf != "" {
		say("The same as %s.", k.AliasOf)
	}
	if k.Own {
		say("Director's own.")
	}
	switch {
	case k.Default != "" && k.Unit != "":
		say("Default: %s. Unit: %s.", k.Default, k.Unit)
	case k.Default != "":
		say("Default: %s.", k.Default)
	case k.Unit != "":
		say("Unit: %s.", k.Unit)
	}
	switch {
	case k.State != keyword.Works && k.Note != "":
		say("%s: %s.", sentence(k.State.String()), k.Note)
	case k.State != keyword.Works:
		say("%s.", sentence(k.State.String()))
	case k.Note != "":
		say("%s.", sentence(k.Note))
	}
	if len(says) == 0 {
		says = []string{"No default."}
		if strings.HasPrefix(k.Value, "{") || strings.HasSuffix(k.Value, "}") {
			says[0] = "A block."
		}
	}
	p.text(strings.Join(says, " "))
}

// sentence begins with a capital.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
