// The one program of Picket's own in the proxy image, since that image has no shell: it redirects what comes into a
// pod to the proxy, and moves the proxy's clients away before the pod ends.
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func() error{"redirect": redirect, "drain": drain}
	if len(os.Args) != 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: picket-proxy-tool redirect|drain")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](); err != nil {
		fmt.Fprintf(os.Stderr, "error: %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
