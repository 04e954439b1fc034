package syntax

import (
	"strings"

	"github.com/lvs-director/director/conf"
)

// builder puts nodes into blocks. Nodes, words and lists of children are cut
// from large pieces: a configuration may have hundreds of thousands.
type builder struct {
	open    []openBlock // the root first
	pending []*Node     // the nodes of all open blocks, innermost last
	nodes   []Node
	tokens  []Token
	lists   []*Node
	blocks  []Block
	words   []Token // scratch

	suspect *Node // a block whose `}` stands further left than it began
}

// openBlock is a block whose `}` has not come yet.
type openBlock struct {
	node  *Node // nil for the root, and for a `{` that belongs to no line
	start int   // its first node in pending
}

func (b *builder) init() { b.open = append(b.open, openBlock{}) }

func (b *builder) newNode() *Node {
	if len(b.nodes) == 0 {
		b.nodes = make([]Node, 256)
	}
	n := &b.nodes[0]
	b.nodes = b.nodes[1:]
	b.pending = append(b.pending, n)
	return n
}

func (b *builder) newBlock() *Block {
	if len(b.blocks) == 0 {
		b.blocks = make([]Block, 64)
	}
	blk := &b.blocks[0]
	b.blocks = b.blocks[1:]
	return blk
}

// keepWords gives the scratch words a place of their own.
func (b *builder) keepWords(words []Token) []Token {
	n := len(words)
	if n == 0 {
		return nil
	}
	if len(b.tokens) < n {
		b.tokens = make([]Token, max(256, n))
	}
	copy(b.tokens, words)
	kept := b.tokens[:n:n]
	b.tokens = b.tokens[n:]
	return kept
}

// take removes the nodes from start on from pending and gives them as a list.
func (b *builder) take(start int) []*Node {
	n := len(b.pending) - start
	if n == 0 {
		return nil
	}
	if len(b.lists) < n {
		b.lists = make([]*Node, max(256, n))
	}
	copy(b.lists, b.pending[start:])
	clear(b.pending[start:])
	b.pending = b.pending[:start]
	kept := b.lists[:n:n]
	b.lists = b.lists[n:]
	return kept
}

// node makes a node of ln.text[from:to], when there is anything in it.
func (p *parser) node(ln *line, from, to int) {
	text := ln.text
	for to > from && isBlank[text[to-1]] {
		to--
	}
	words := p.builder.words[:0]
	broken := false
	rawAt := to
	for i := from; i < to; {
		c := text[i]
		if isBlank[c] {
			i++
			continue
		}
		if len(words) == 1 && rawAt == to {
			rawAt = i
		}
		tok := Token{Pos: ln.pos(i)}
		if c == '"' {
			end := strings.IndexByte(text[i+1:to], '"')
			if end < 0 {
				broken = true
				p.report(conf.Warning, tok.Pos, ln.origin, "unterminated-quote", "quotes end on the line they begin on",
					"the quote is not closed; the line ends before it")
				break
			}
			tok.Text, tok.Quoted = text[i+1:i+1+end], true
			i += end + 2
		} else {
			start := i
			for i < to && !isBlank[text[i]] && text[i] != '"' {
				i++
			}
			tok.Text = text[start:i]
		}
		words = append(words, tok)
	}
	p.builder.words = words[:0]
	if ln.flags&hasDollar != 0 {
		p.leftReferences(ln, from, to)
	}
	if len(words) == 0 {
		return
	}
	if ln.flags&hasHigh != 0 {
		p.oddBlanks(ln, words)
	}
	if p.words += len(words); p.words > p.limits.Words {
		p.stop(words[0].Pos, ln.origin, "too-many-words",
			"more than %d words after expansion; reading stops here", p.limits.Words)
		return
	}
	n := p.builder.newNode()
	n.Keyword = words[0]
	n.Args = p.builder.keepWords(words[1:])
	n.Raw = text[rawAt:to]
	if rawAt < to {
		n.rawCol, _ = ln.column(rawAt)
	}
	n.Origin = ln.origin
	n.Broken = broken
	n.Literal = ln.literal && ln.segs == nil
}

// leftReferences notes the references that were not replaced.
func (p *parser) leftReferences(ln *line, from, to int) {
	quoted := false
	for i := from; i < to; i++ {
		if ln.text[i] == '"' {
			quoted = !quoted
		}
		if ln.text[i] != '$' {
			continue
		}
		pos := ln.pos(i)
		ref, ok := parseReference(ln.text[:to], i)
		if !ok && !quoted {
			if _, ok := shellExpansion(ln.text[:to], i); ok {
				p.report(conf.Warning, pos, ln.origin, "shell-expansion",
					"define $NAME=value and write ${NAME}, or fill the template in first",
					"the shell's ${NAME:-default} has no meaning here, and stays as it is")
			}
		}
		if !ok || builtins[ref.name] {
			continue
		}
		switch {
		case ref.tight && p.defs[ref.name] != nil:
			p.reportOnce(reportKey{conf.Pos{File: ln.file}, "not-replaced", ref.name}, conf.Note, pos, ln.origin,
				"write ${"+ref.name+"}",
				"$%s is not replaced, because a blank does not follow it", ref.name)
		case ref.tight:
		case ref.braced && !quoted:
			p.reportOnce(reportKey{conf.Pos{File: ln.file}, "undefined-name", ref.name}, conf.Warning, pos, ln.origin, "",
				"${%s} is not defined, and stays as it is", ref.name)
		default:
			p.reportOnce(reportKey{conf.Pos{File: ln.file}, "undefined-name", ref.name}, conf.Note, pos, ln.origin, "",
				"$%s is not defined, and stays as it is", ref.name)
		}
	}
}

// invisible are characters that look like blanks, or like nothing, and are
// parts of words.
var invisible = map[rune]string{
	'\u00a0': "a non-breaking space", '\u2003': "an em space", '\u200b': "a zero-width space",
	'\u3000': "an ideographic space", '\ufeff': "a byte order mark",
}

func (p *parser) oddBlanks(ln *line, words []Token) {
	for _, w := range words {
		for _, r := range w.Text {
			if name := invisible[r]; name != "" && !w.Quoted {
				p.reportOnce(reportKey{conf.Pos{File: ln.file}, "odd-blank", name}, conf.Note, w.Pos, ln.origin,
					"type a plain space, here and wherever else the file has one",
					"%s is not a blank but part of the word", name)
			}
		}
	}
}

// openBlock begins the block of the node before the `{` at offset at.
func (p *parser) openBlock(ln *line, at int) {
	b := &p.builder
	pos := ln.pos(at)
	if len(b.open) > p.limits.Nesting {
		p.stop(pos, ln.origin, "too-deep", "blocks are nested more than %d deep; reading stops here", p.limits.Nesting)
		return
	}
	top := b.open[len(b.open)-1]
	if len(b.pending) > top.start {
		if n := b.pending[len(b.pending)-1]; n.Block == nil {
			n.Block = b.newBlock()
			n.Block.Open = pos
			b.open = append(b.open, openBlock{node: n, start: len(b.pending)})
			return
		}
	}
	// As under keepalived, what is in it counts as if the brace were not there.
	p.report(conf.Warning, pos, ln.origin, "unexpected-brace", "",
		"'{' belongs to no line before it; it is ignored, with its '}'")
	b.open = append(b.open, openBlock{start: len(b.pending)})
}

// closeBlock ends the innermost block at the `}` at offset at.
func (p *parser) closeBlock(ln *line, at int) {
	b := &p.builder
	pos := ln.pos(at)
	if len(b.open) == 1 {
		hint := ""
		if p.dropped.IsValid() {
			hint = "a condition leaves out its line only, not the block that it opens: see " + p.dropped.String()
		}
		p.report(conf.Warning, pos, ln.origin, "extra-brace", hint, "'}' closes no block; it is ignored")
		return
	}
	top := b.open[len(b.open)-1]
	b.open = b.open[:len(b.open)-1]
	n := top.node
	if n == nil {
		return // its nodes stay with the block around it
	}
	n.Block.End, n.Block.Closed = pos, true
	n.Block.Nodes = b.take(top.start)
	if b.suspect == nil && ln.at == at && n.Keyword.Pos.File == pos.File && pos.Col < n.Keyword.Pos.Col &&
		n.Keyword.Pos.Line < pos.Line {
		b.suspect = n
	}
}

// closeAll ends the blocks that are open at the end of the text, with one
// finding for all of them.
func (p *parser) closeAll() {
	b := &p.builder
	var first *Node
	count := 0
	var end conf.Pos
	if len(b.open) > 1 {
		end = p.endPos()
	}
	for len(b.open) > 1 {
		top := b.open[len(b.open)-1]
		b.open = b.open[:len(b.open)-1]
		count++
		if n := top.node; n != nil {
			first = n
			n.Block.End = end
			n.Block.Nodes = b.take(top.start)
		}
	}
	p.tree.Nodes = b.take(0)
	if first == nil || p.stopped {
		return
	}
	hint := ""
	if b.suspect != nil && b.suspect != first {
		hint = "the first '}' that looks misplaced is the one at " + b.suspect.Block.End.String() +
			", which closes the block of " + b.suspect.Keyword.Text + " at " + b.suspect.Keyword.Pos.String()
	}
	if count == 1 {
		p.report(conf.Warning, first.Block.Open, first.Origin, "missing-brace", hint,
			"the block of %s is not closed: a '}' is missing", label(first))
		return
	}
	p.report(conf.Warning, first.Block.Open, first.Origin, "missing-brace", hint,
		"the block of %s is not closed, nor are %d within it: %d '}' are missing", label(first), count-1, count)
}

// label names a node: its keyword and its first word.
func label(n *Node) string {
	if len(n.Args) == 0 {
		return n.Keyword.Text
	}
	return n.Keyword.Text + " " + n.Args[0].Text
}

// endPos is the end of the last file that was read.
func (p *parser) endPos() conf.Pos {
	if len(p.tree.Files) == 0 {
		return conf.Pos{}
	}
	f := p.tree.Files[0]
	n := strings.Count(f.Text, "\n") + 1
	return conf.Pos{File: f.Name, Line: int32(n), Col: int32(len(f.Line(n))) + 1}
}
