package main

import (
	"fmt"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/keyword"
	"github.com/lvs-director/director/conf/syntax"
	"github.com/lvs-director/director/words"
)

// keepalivedLine is how many bytes of a line keepalived reads; what follows
// becomes a line of its own.
const keepalivedLine = 1023

// compatCodes are the findings about what director understands and keepalived
// does not.
var compatCodes = map[string]bool{
	"forward-reference": true, "executable-file": true, "byte-order-mark": true, "shell-expansion": true,
}

// keepalivedFindings names the lines of a configuration that keepalived would
// not understand, for the way back. findings are those of load.Load.
func keepalivedFindings(tree *syntax.Tree, findings []conf.Finding) []conf.Finding {
	type word struct{ block, name string }
	own := make(map[word]bool)
	for _, k := range keyword.Keywords() {
		if k.Own {
			own[word{k.Block, k.Name}] = true
		}
	}
	var list []conf.Finding
	for _, f := range findings {
		if compatCodes[f.Code] {
			f.Severity = conf.Warning
			list = append(list, f)
		}
	}
	for _, f := range tree.Files {
		list = append(list, keepalivedLines(tree, f)...)
	}
	var walk func(block string, nodes []*syntax.Node)
	walk = func(block string, nodes []*syntax.Node) {
		for _, n := range nodes {
			if own[word{block, n.Keyword.Text}] {
				list = append(list, tree.Finding(conf.Warning, n.Pos(), n.Origin, "director-only",
					"%s is director's own: keepalived would report an unknown keyword", n.Keyword.Text))
				continue
			}
			walk(n.Keyword.Text, n.Children())
		}
	}
	walk("", tree.Nodes)
	return list
}

// keepalivedLines looks at the lines as they stand in a file.
func keepalivedLines(tree *syntax.Tree, f *syntax.File) []conf.Finding {
	var list []conf.Finding
	number := int32(0)
	for line := range strings.Lines(f.Text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		pos := conf.Pos{File: f.Name, Line: number, Col: 1}
		if len(line) > keepalivedLine {
			list = append(list, tree.Finding(conf.Warning, pos, nil, "long-line",
				"keepalived reads %d bytes of a line and takes the rest for another line; this one has %d", keepalivedLine, len(line)))
		}
		words := strings.Fields(line)
		if len(words) > 1 && words[0][0] == '@' && strings.HasPrefix(words[1], "include") {
			list = append(list, tree.Finding(conf.Warning, pos, nil, "include-condition",
				"keepalived would read the file twice: its include stands behind a condition"))
		}
	}
	return list
}

// checkCompat gives what director check --compat keepalived says instead of
// findings; ok is false when there was nothing to read.
func (c *checkCmd) checkCompat(file string, findings []conf.Finding) (list []conf.Finding, ok bool) {
	tree, _ := syntax.Parse(file, syntax.Options{ConfigID: c.ConfigID})
	if len(tree.Files) == 0 {
		return findings, false
	}
	return keepalivedFindings(tree, findings), true
}

// compatSummary is the last line of director check --compat keepalived.
func compatSummary(file string, n int) string {
	if n == 0 {
		return fmt.Sprintf("%s: keepalived would understand every line", file)
	}
	return fmt.Sprintf("%s: keepalived would not understand %s", file, words.Count(n, "line"))
}
