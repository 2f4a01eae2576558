"""The page as a static folder, in which Python runs in the browser, by Pyodide: no server reads."""
