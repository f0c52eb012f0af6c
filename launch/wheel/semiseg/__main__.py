# SPDX-License-Identifier: Apache-2.0
from semiseg import main

main()
