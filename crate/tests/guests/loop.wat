;; Loops for ever without a host call: ends only by a limit or an abort.
(module
  (func (export "_start") (loop $again (br $again))))
