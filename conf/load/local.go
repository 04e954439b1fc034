package load

import (
	"slices"

	"github.com/lvs-director/director/conf/syntax"
)

// LocalFile has director's own words beside a keepalived.conf that keepalived reads too.
const LocalFile = "/etc/director/local.conf"

// local is the file to read behind the one at path; empty is none.
func (o Options) local(path string) string {
	switch {
	case o.Compat: // keepalived does not read it
		return ""
	case o.Local != "":
		return o.Local
	case !slices.Contains(DefaultFiles[:], path):
		return ""
	}
	files := o.FS
	if files == nil {
		files = syntax.Host{}
	}
	if _, err := files.Stat(LocalFile); err != nil {
		return ""
	}
	return LocalFile
}

// joinLocal puts what the local file says in a block into the block of the same
// words that was there before: "vrrp_instance VI_1 { ... }" of the local file adds
// to VI_1, and so does a real_server of a virtual_server. A block that is new stays
// where it is.
func joinLocal(tree *syntax.Tree, local string) {
	from := slices.IndexFunc(tree.Nodes, func(n *syntax.Node) bool { return root(n) == local })
	if from < 0 {
		return
	}
	known := make(map[string]*syntax.Node, from)
	for _, n := range tree.Nodes[:from] {
		if n.Block != nil {
			known[words(n)] = n
		}
	}
	kept := tree.Nodes[:from]
	for _, n := range tree.Nodes[from:] {
		first := known[words(n)]
		if n.Block == nil || first == nil {
			kept = append(kept, n)
			continue
		}
		join(first.Block, n.Block)
	}
	tree.Nodes = kept
}

// root is the main file that a line comes from.
func root(n *syntax.Node) string {
	file := n.Pos().File
	for o := n.Origin; o != nil; o = o.Parent {
		file = o.Pos.File
	}
	return file
}

// join adds the lines of a block to another. A real_server, and a check that its
// real server has one of, are joined too.
func join(first, more *syntax.Block) {
	known := make(map[string][]*syntax.Node, len(first.Nodes))
	for _, n := range first.Nodes {
		if n.Block != nil {
			known[words(n)] = append(known[words(n)], n)
		}
	}
	for _, n := range more.Nodes {
		if same := known[words(n)]; n.Block != nil && len(same) == 1 {
			join(same[0].Block, n.Block)
			continue
		}
		first.Nodes = append(first.Nodes, n)
	}
}

// words are the keyword and the arguments of a line.
func words(n *syntax.Node) string {
	text := n.Keyword.Text
	for _, a := range n.Args {
		text += "\x00" + a.Text
	}
	return text
}
