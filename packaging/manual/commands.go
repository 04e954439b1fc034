package manual

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/lvs-director/director/keepalived/commandline"
)

// Edition is what every page says of itself.
type Edition struct {
	Version string
	Date    string // of the sources: 2006-01-02
}

// Director is director(8): all commands, then the flags of keepalived.
func Director(commands *kong.Application, keepalived []commandline.FlagText, e Edition) string {
	p := newPage("director", 8, e.Date, e.Version, "System administration")
	p.macro("SH", "NAME")
	p.line(`director \- VRRP router, IPVS load balancer and health checker`)
	p.macro("SH", "SYNOPSIS")
	for _, c := range visible(commands.Node) {
		p.line(".br")
		p.line(synopsis("director", c))
	}
	p.line(".br")
	p.line(bold("director") + " [" + italic("flags of keepalived") + "]")
	p.macro("SH", "DESCRIPTION")
	p.text(commands.Help)
	p.macro("SH", "COMMANDS")
	for _, c := range visible(commands.Node) {
		writeCommand(p, c)
	}
	p.macro("SH", "FLAGS OF KEEPALIVED")
	p.text("Without a command, and when it is called keepalived, director takes these. " +
		"The commands are listed by director --help.")
	var quiet []string
	for _, f := range keepalived {
		words := bold(f.Long)
		if f.Short != "" {
			words = bold(f.Short) + ", " + words
		}
		if f.Help == "" {
			quiet = append(quiet, words)
			continue
		}
		p.item(words + italic(f.Value))
		p.text(f.Help)
	}
	p.line(".PP\nAccepted without effect: " + strings.Join(quiet, "; ") + ".")
	p.macro("SH", "EXIT STATUS")
	p.text("0 when it was done, 1 when it was not; what a command means by another status stands in its section.")
	p.macro("SH", "SIGNALS")
	for _, s := range [][2]string{
		{"HUP", "reads the configuration again, as director reload does."},
		{"TERM, INT", "stops: priority 0 is sent, addresses and services are removed, notify scripts get their time."},
	} {
		p.item(bold(s[0]))
		p.text(s[1])
	}
	p.macro("SH", "FILES")
	for _, f := range [][2]string{
		{"/etc/director/director.conf", "the configuration; when it is not there or says nothing, " +
			"/etc/keepalived/keepalived.conf is read."},
		{"/run/director", "control socket, journals and lock of a running director."},
		{"/var/lib/director", "history of configurations, drains and weights: what survives a reboot."},
	} {
		p.item(italic(f[0]))
		p.text(f[1])
	}
	seeAlso(p, "director.conf(5)", "genhash(1)", "ipvsadm(8)", "systemd.service(5)")
	return p.String()
}

// Genhash is genhash(1), the command genhash under a name of its own.
func Genhash(commands *kong.Application, e Edition) string {
	var c *kong.Node
	for _, n := range visible(commands.Node) {
		if n.Name == "genhash" {
			c = n
		}
	}
	if c == nil {
		return ""
	}
	p := newPage("genhash", 1, e.Date, e.Version, "User commands")
	p.macro("SH", "NAME")
	p.line(`genhash \- digest of a page for HTTP_GET and SSL_GET`)
	p.macro("SH", "SYNOPSIS")
	p.line(synopsis("", c))
	p.macro("SH", "DESCRIPTION")
	p.text(c.Detail)
	p.macro("SH", "OPTIONS")
	writeFlags(p, c)
	seeAlso(p, "director(8)", "director.conf(5)")
	return p.String()
}

func seeAlso(p *page, pages ...string) {
	p.macro("SH", "SEE ALSO")
	for i, name := range pages {
		title, section, _ := strings.Cut(name, "(")
		line := ".BR " + escape(title) + " (" + section
		if i < len(pages)-1 {
			line += " ,"
		}
		p.line(line)
	}
}

// visible are the commands that a user types, those of groups too.
func visible(n *kong.Node) (list []*kong.Node) {
	for _, c := range n.Children {
		switch {
		case c.Hidden:
		case len(c.Children) > 0:
			list = append(list, visible(c)...)
		default:
			list = append(list, c)
		}
	}
	return list
}

// path is what is typed for a command: "ipvs", or "notify test" in a group.
func path(n *kong.Node) string {
	if n.Parent != nil && n.Parent.Type == kong.CommandNode {
		return path(n.Parent) + " " + n.Name
	}
	return n.Name
}

func synopsis(program string, n *kong.Node) string {
	line := bold(strings.TrimSpace(program + " " + path(n)))
	options := false
	for _, f := range flags(n) {
		if f.Required {
			line += " " + flagWords(f, false)
		} else {
			options = true
		}
	}
	if options {
		line += " [" + italic("options") + "]"
	}
	for _, a := range n.Positional {
		line += " " + argument(a)
	}
	return line
}

func argument(a *kong.Positional) string {
	word := italic(strings.ToUpper(a.Name))
	if a.IsCumulative() {
		word += " ..."
	}
	if !a.Required {
		word = "[" + word + "]"
	}
	return word
}

func writeCommand(p *page, n *kong.Node) {
	p.macro("SS", path(n))
	p.line(synopsis("director", n))
	p.line(".PP")
	p.text(n.Help + "\n\n" + n.Detail)
	for _, a := range n.Positional {
		p.item(argument(a))
		p.text(a.Help)
	}
	writeFlags(p, n)
}

func writeFlags(p *page, n *kong.Node) {
	for _, f := range flags(n) {
		p.item(flagWords(f, true))
		help := f.Help
		if f.Default != "" && !f.IsBool() && !strings.Contains(strings.ToLower(help), "default") {
			help += fmt.Sprintf(" Default: %s.", f.Default)
		}
		p.text(help)
	}
}

// flags are those that a user may give, without --help.
func flags(n *kong.Node) (list []*kong.Flag) {
	for _, f := range n.Flags {
		if !f.Hidden && f.Name != "help" {
			list = append(list, f)
		}
	}
	return list
}

// flagWords is a flag with its value: "-f, --file=FILE".
func flagWords(f *kong.Flag, both bool) string {
	value := ""
	if !f.IsBool() && !f.IsCounter() {
		value = "=" + italic(placeholder(f))
	}
	long := bold("--"+f.Name) + value
	switch {
	case f.Short == 0:
		return long
	case both:
		return bold("-"+string(f.Short)) + ", " + long
	case value == "":
		return bold("-" + string(f.Short))
	}
	return bold("-"+string(f.Short)) + " " + italic(placeholder(f))
}

func placeholder(f *kong.Flag) string {
	if f.PlaceHolder != "" {
		return f.PlaceHolder
	}
	return strings.ToUpper(f.Name)
}
