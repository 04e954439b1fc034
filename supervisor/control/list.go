package control

// List is what director list --json prints.
type List struct {
	Schema
	Directors []Listed `json:"directors"`
}

// Listed is a director of this host.
type Listed struct {
	Pid    int    `json:"pid"`
	RunDir string `json:"run_dir"`
	Config string `json:"config"` // empty when it does not answer
	// Problems is how many status has; Error says why it does not answer.
	Problems       int    `json:"problems"`
	Instances      int    `json:"instances"`
	VirtualServers int    `json:"virtual_servers"`
	Error          string `json:"error,omitempty"`
}
