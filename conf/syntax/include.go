package syntax

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/lvs-director/director/conf"
)

// includeCheck says what an include line reports.
type includeCheck uint8

const (
	checkRead     includeCheck = 1 << iota // a file that cannot be read
	checkMatch                             // a plain name that no file has
	checkWildcard                          // a pattern that matches nothing
	checkBrace                             // an alternative of braces that matches nothing
	checkAll      = checkRead | checkMatch | checkWildcard | checkBrace
)

// includeWords are the include keywords with the checks they add.
var includeWords = map[string]includeCheck{
	"include":  0,
	"includer": checkRead,
	"includem": checkMatch,
	"includew": checkWildcard,
	"includeb": checkBrace,
	"includea": checkAll,
}

var includeCheckNames = map[string]includeCheck{
	"read": checkRead, "readable": checkRead, "match": checkMatch,
	"wildcard_match": checkWildcard, "brace_match": checkBrace,
}

// include takes an include line. The file's name is the rest of the line as it
// stands, quotes and all.
func (p *parser) include(ln *line) bool {
	text := ln.text[ln.at:]
	if !strings.HasPrefix(text, "include") {
		return false
	}
	word, pattern := text, ""
	if i := strings.IndexAny(text, blanks); i >= 0 {
		word, pattern = text[:i], strings.Trim(text[i:], blanks)
	}
	if word == "include_check" {
		p.setIncludeChecks(pattern)
		return false // it stays in the tree
	}
	checks, ok := includeWords[word]
	if !ok {
		return false
	}
	p.tree.Includes = true
	pos := ln.pos(ln.at)
	if pattern == "" {
		p.report(conf.Warning, pos, ln.origin, "missing-word", "", "%s needs the name of a file", word)
		return true
	}
	pos = ln.pos(ln.at + strings.Index(text, pattern))
	checks |= p.checks
	name := pattern
	if !path.IsAbs(name) {
		name = path.Join(path.Dir(p.currentFile().Name), name)
	}
	m, err := glob(p.opts.FS, name)
	if err != nil {
		p.report(conf.Warning, pos, ln.origin, "bad-pattern", "", "%s %s: %v", word, pattern, err)
		return true
	}
	hint := ""
	if strings.ContainsAny(pattern, `"'`) {
		hint = "quotes are part of the name here; leave them out"
	} else if strings.HasSuffix(pattern, "}") && !strings.Contains(pattern, "{") {
		hint = "the name goes to the end of the line; put the } on the next line"
	}
	switch {
	case len(m.files) == 0 && !m.wildcard && !m.braces:
		p.report(conf.Warning, pos, ln.origin, "missing-include", hint, "%s: no such file; nothing is included", name)
	case len(m.files) == 0 && m.wildcard && checks&checkWildcard != 0:
		p.report(conf.Warning, pos, ln.origin, "missing-include", hint, "%s: no file matches; nothing is included", name)
	case len(m.files) == 0 && m.wildcard:
		p.report(conf.Note, pos, ln.origin, "missing-include", hint, "%s: no file matches; nothing is included", name)
	case m.unmatched != "" && checks&checkBrace != 0:
		p.report(conf.Warning, pos, ln.origin, "missing-include", hint, "%s: no file matches", m.unmatched)
	}
	// The last one pushed is read first.
	for i := len(m.files) - 1; i >= 0 && !p.stopped; i-- {
		p.pushInclude(m.files[i], pos, ln.origin)
	}
	return true
}

// setIncludeChecks reads an include_check line: nothing is everything, + and -
// change what is set.
func (p *parser) setIncludeChecks(words string) {
	fields := strings.Fields(words)
	if len(fields) == 0 {
		p.checks = checkAll
		return
	}
	if fields[0][0] != '+' && fields[0][0] != '-' {
		p.checks = 0
	}
	for _, w := range fields {
		bit := includeCheckNames[strings.TrimLeft(w, "+-")]
		if w[0] == '-' {
			p.checks &^= bit
		} else {
			p.checks |= bit
		}
	}
}

// mainFiles gives the files that the name of a configuration stands for.
func (p *parser) mainFiles(name string) []string {
	if _, err := p.opts.FS.Stat(name); err == nil || !strings.ContainsAny(name, "*?[{") {
		return []string{name}
	}
	m, err := glob(p.opts.FS, name)
	if err == nil && len(m.files) > 0 {
		return m.files
	}
	if err == nil {
		err = errors.New("no file matches")
	}
	p.report(conf.Error, conf.Pos{File: name}, nil, "unreadable", "", "cannot read the configuration: %v", err)
	return nil
}

// pushMain has a main file read. What is wrong with it is an error.
func (p *parser) pushMain(name string) bool {
	f, info := p.readFile(name, conf.Pos{File: name}, nil, conf.Error)
	if f == nil {
		return false
	}
	p.pushFile(f, info, nil)
	return true
}

// pushInclude has an included file read. One that is not there is left out,
// with a warning, as keepalived does.
func (p *parser) pushInclude(name string, pos conf.Pos, o *Origin) {
	origin := p.child(o, conf.FromInclude, name, pos)
	if origin == nil {
		return
	}
	f, info := p.readFile(name, pos, o, conf.Warning)
	if f == nil {
		return
	}
	if p.including(f, info, o) {
		p.report(conf.Error, pos, o, "include-loop", "remove one of the include lines",
			"%s includes itself, directly or through others", name)
		return
	}
	if strings.TrimSpace(f.Text) == "" {
		p.report(conf.Note, pos, o, "empty-include", "", "%s is empty; nothing is included", name)
	}
	origin.info = info
	p.pushFile(f, info, origin)
}

// including tells whether a file is one of those that lead to a line of origin o.
func (p *parser) including(f *File, info fs.FileInfo, o *Origin) bool {
	same := func(name string, other fs.FileInfo) bool {
		return name == f.Name || info != nil && other != nil && os.SameFile(info, other)
	}
	for ; o != nil; o = o.Parent {
		if o.Kind == conf.FromInclude && same(o.Name, o.info) {
			return true
		}
	}
	main := &p.frames[0]
	return main.kind == frameFile && same(main.file.Name, main.info)
}

func (p *parser) pushFile(f *File, info fs.FileInfo, o *Origin) {
	at := 0
	if strings.HasPrefix(f.Text, "\ufeff") {
		at = len("\ufeff")
		p.report(conf.Warning, conf.Pos{File: f.Name, Line: 1, Col: 1}, o, "byte-order-mark", "save the file without it",
			"the file begins with a byte order mark; keepalived would not know the first word")
	}
	p.frames = append(p.frames, frame{kind: frameFile, file: f, info: info, at: at, origin: o})
}
