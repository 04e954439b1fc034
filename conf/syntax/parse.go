package syntax

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/lvs-director/director/conf"
)

// Parse reads the configuration at path, which may be a glob pattern that
// stands for several files, and what it includes. It always gives a tree: as
// much as could be read. Findings come in the order in which they were met.
func Parse(path string, opts Options) (*Tree, []conf.Finding) {
	p := newParser(opts)
	for _, name := range p.mainFiles(path) {
		if p.stopped {
			break
		}
		if p.pushMain(name) {
			p.run()
		}
	}
	if opts.Local != "" && !p.stopped && p.pushMain(opts.Local) {
		p.run()
	}
	return p.finish()
}

// ParseText reads text under the given file name. Included files are looked up
// in opts.FS.
func ParseText(name, text string, opts Options) (*Tree, []conf.Finding) {
	p := newParser(opts)
	if int64(len(text)) > p.limits.FileSize {
		p.tooLarge(conf.Pos{File: name}, nil, int64(len(text)))
	} else if f := p.addFile(name, text, conf.Pos{File: name}, nil); f != nil {
		p.pushFile(f, nil, nil)
		p.run()
	}
	return p.finish()
}

// parser is the state of one Parse.
type parser struct {
	opts   Options
	limits Limits
	tree   *Tree

	frames []frame // where lines come from, the current source last
	defs   map[string]*definition
	gen    uint32 // changes with every definition; starts at 1
	checks includeCheck

	builder builder
	buf     []byte // scratch of substitute

	lines   int   // logical lines so far
	words   int   // words so far
	work    int64 // bytes of expanded lines and of substitution so far
	total   int64 // bytes of files so far, repetitions counted
	files   int   // files so far, likewise
	stopped bool  // a limit was exceeded

	findings []conf.Finding
	reported map[reportKey]struct{}
	left     int      // findings left out
	dropped  conf.Pos // the last line with a brace that a condition left out
}

type reportKey struct {
	pos  conf.Pos
	code string
	name string
}

func newParser(opts Options) *parser {
	if opts.FS == nil {
		opts.FS = Host{}
	}
	if opts.Env == nil {
		opts.Env = os.LookupEnv
	}
	if opts.Random == nil {
		opts.Random = func(lo, hi int) int { return lo + rand.IntN(hi-lo+1) }
	}
	if opts.ConfigID == "" {
		if host, err := os.Hostname(); err == nil {
			opts.ConfigID, _, _ = strings.Cut(host, ".")
		}
	}
	p := &parser{
		opts:     opts,
		limits:   opts.Limits.withDefaults(),
		tree:     &Tree{ConfigID: opts.ConfigID, byName: map[string]*File{}},
		defs:     map[string]*definition{},
		gen:      1,
		reported: map[reportKey]struct{}{},
	}
	if opts.IncludeChecks {
		p.checks = checkAll
	}
	p.builder.init()
	return p
}

// run reads lines until there are none.
func (p *parser) run() {
	var ln line
	for len(p.frames) > 0 && !p.stopped {
		if !p.nextLine(&ln) {
			p.popFrame()
			continue
		}
		if p.lines++; p.lines > p.limits.Lines {
			p.stop(ln.pos(ln.at), ln.origin, "too-many-lines",
				"more than %d lines after expansion; reading stops here", p.limits.Lines)
			return
		}
		if !ln.literal && !p.charge(costLine+len(ln.text)-ln.at, &ln, ln.at) {
			return
		}
		p.line(&ln)
	}
}

// line does one logical line, in keepalived's order: condition, definition,
// loop, substitution, include, braces, words. What follows a brace goes
// through it again as a line of its own.
func (p *parser) line(ln *line) {
	if !ln.trim() {
		return
	}
	if ln.text[ln.at] == '@' && !p.condition(ln) {
		return
	}
	switch ln.text[ln.at] {
	case '$':
		if p.define(ln) {
			return
		}
	case '~':
		if p.loop(ln) {
			return
		}
	}
	if ln.flags&hasDollar != 0 && ln.gen != p.gen {
		if !p.substitute(ln) || !ln.trim() {
			return
		}
		// A definition may hold the condition: $IF_MAIN=@main.
		if ln.text[ln.at] == '@' && !ln.judged && !p.condition(ln) {
			return
		}
	}
	if ln.text[ln.at] == 'i' && p.include(ln) {
		return
	}
	if ln.flags&hasBrace == 0 {
		p.node(ln, ln.at, len(ln.text))
		return
	}
	at, structural := p.findBrace(ln)
	if !structural {
		p.node(ln, ln.at, len(ln.text))
		return
	}
	p.node(ln, ln.at, at)
	if ln.text[at] == '{' {
		p.openBlock(ln, at)
	} else {
		p.closeBlock(ln, at)
	}
	rest := *ln
	rest.at = at + 1
	rest.judged = false
	if rest.trim() {
		p.frames = append(p.frames, frame{kind: frameRest, rest: rest})
	}
}

// What Limits.Work counts beside the bytes, so that small steps are not free.
const (
	costLine      = 64
	costReference = 64
	costRound     = 256
)

// charge counts bytes of work done for the line's offset at; false when there
// have been too many.
func (p *parser) charge(n int, ln *line, at int) bool {
	if p.work += int64(n); p.work > p.limits.Work {
		p.stop(ln.pos(at), ln.origin, "too-much-expansion",
			"expansion takes more than %d bytes of work; reading stops here", p.limits.Work)
		return false
	}
	return true
}

// condition judges the `@ID` at the start of the line, and takes it off the
// line when it holds.
func (p *parser) condition(ln *line) bool {
	text := ln.text[ln.at+1:]
	id := text
	if i := strings.IndexAny(text, blanks); i >= 0 {
		id = text[:i]
	}
	want := true
	name, negated := strings.CutPrefix(id, "^")
	if negated {
		want = false
	}
	if (name == p.opts.ConfigID) != want {
		if strings.ContainsAny(text, "{}") {
			p.dropped = ln.pos(ln.at)
		}
		return false
	}
	ln.at += 1 + len(id)
	ln.judged = true
	return ln.trim()
}

// report adds a finding, once for each place and code.
func (p *parser) report(s conf.Severity, pos conf.Pos, o *Origin, code, hint, format string, args ...any) {
	p.reportOnce(reportKey{pos: pos, code: code}, s, pos, o, hint, format, args...)
}

func (p *parser) reportOnce(key reportKey, s conf.Severity, pos conf.Pos, o *Origin, hint, format string, args ...any) {
	if _, ok := p.reported[key]; ok {
		return
	}
	limit := p.limits.Findings
	if s == conf.Error {
		limit *= 2 // what stops the configuration is not lost among what does not
	}
	if len(p.findings) >= limit {
		p.left++
		return
	}
	p.reported[key] = struct{}{}
	f := p.tree.Finding(s, pos, o, key.code, format, args...)
	f.Hint = oneLine(hint)
	p.findings = append(p.findings, f)
}

// stop reports that a limit is exceeded and ends the reading.
func (p *parser) stop(pos conf.Pos, o *Origin, code, format string, args ...any) {
	p.report(conf.Error, pos, o, code, "", format, args...)
	p.stopped = true
}

// finish closes what is open and gives the result.
func (p *parser) finish() (*Tree, []conf.Finding) {
	for len(p.frames) > 0 {
		p.popFrame()
	}
	p.closeAll()
	if p.left > 0 {
		p.findings = append(p.findings, conf.Finding{
			Severity: conf.Warning, Code: "too-many-findings",
			Message: fmt.Sprintf("%d more findings are left out", p.left),
		})
	}
	return p.tree, p.findings
}
