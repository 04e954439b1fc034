package announcing

import "github.com/lvs-director/director/announce/link"

func openHost() (link.Kernel, error) { return link.Open() }
