package manual

import (
	"fmt"
	"strings"
)

// page is a manual page in the macros of man(7).
type page struct{ strings.Builder }

// newPage begins a page. The date is that of the sources, so that the same
// sources make the same page.
func newPage(name string, section int, date, version, manual string) *page {
	p := &page{}
	p.macro("TH", strings.ToUpper(name), fmt.Sprint(section), date, "director "+version, manual)
	p.line(".nh") // no hyphenation: names are copied
	p.line(".ad l")
	return p
}

func (p *page) line(s string) { p.WriteString(s + "\n") }

// macro writes a request with its arguments.
func (p *page) macro(name string, args ...string) {
	p.WriteString("." + name)
	for _, a := range args {
		p.WriteString(` "` + strings.ReplaceAll(escape(a), `"`, `\(dq`) + `"`)
	}
	p.WriteByte('\n')
}

// text writes prose: lines are filled, an empty one ends a paragraph, and lines
// that are indented by four spaces stand as they are.
func (p *page) text(s string) {
	literal := false
	set := func(want bool) {
		if want == literal {
			return
		}
		if literal = want; want {
			p.line(".RS 4\n.nf")
		} else {
			p.line(".fi\n.RE")
		}
	}
	for line := range strings.Lines(strings.TrimSpace(s)) {
		line = strings.TrimRight(line, "\n ")
		code, indented := strings.CutPrefix(line, "    ")
		example, isExample := strings.CutPrefix(line, "Example: ")
		switch {
		case line == "":
			set(false)
			p.line(".PP")
		case isExample:
			set(false)
			p.line("Example:")
			set(true)
			p.printed(example)
		case indented || literal && strings.HasPrefix(line, "  "):
			set(true)
			p.printed(strings.TrimRight(code, " "))
		case literal && strings.HasPrefix(line, "director "):
			p.printed(line) // a further example
		default:
			set(false)
			p.printed(line)
		}
	}
	set(false)
}

// printed writes one line that is no request.
func (p *page) printed(s string) {
	s = escape(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	p.line(s)
}

// code writes lines as they stand.
func (p *page) code(s string) {
	p.line(".RS 4\n.nf")
	for line := range strings.Lines(strings.TrimRight(s, "\n")) {
		p.printed(strings.TrimRight(line, "\n"))
	}
	p.line(".fi\n.RE")
}

// item begins an entry of a list; its tag is written in roff already.
func (p *page) item(tag string) { p.line(".TP\n" + guard(tag)) }

// guard keeps a line from being read as a request.
func guard(s string) string {
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}

func bold(s string) string { return `\fB` + escape(s) + `\fR` }

func italic(s string) string {
	if s == "" {
		return ""
	}
	return `\fI` + escape(s) + `\fR`
}

// escape writes text that is no markup. A hyphen is written as a minus: what is
// copied from the page is typed into a shell.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`,
		"µ", `\(mc`).Replace(s)
}
