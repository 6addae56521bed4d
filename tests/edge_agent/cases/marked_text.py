"""Cases of Markdown, pages, plain text and tables as text."""

import json

from tests.edge_agent.cases.case import Case

_WAREHOUSES = "\n".join(f"| Nave{n} | 71{n:02} | 82{n:02} | {n} toneladas | 6{n:02} m2 |" for n in range(40))

CASES = (
    Case(
        "a question set in bold, its answer below",
        {
            "guia.md": "# Comedor\n\n__¿Cómo reservo una mesa grande?__\n\nEscriba a Nuria antes del jueves.\n\n"
            "__¿Se puede traer comida de casa?__\n\nSí, hay dos microondas.\n".encode()
        },
        "¿Cómo reservo una mesa grande?",
        ("nuria antes del jueves",),
    ),
    Case(
        "a question in bold with a number",
        {
            "faq.md": b"# Laptops\n\n**1. Who replaces a broken charger?**\n\nThe depot on floor three swaps it.\n\n"
            b"**2. May I keep the old one?**\n\nNo, hand it in.\n"
        },
        "Who replaces a broken charger?",
        ("floor three",),
    ),
    Case(
        "lines that begin with Q: and A:",
        {
            "keys.txt": b"Q: Who keeps the spare keys?\r\nA: The porter of gate two.\r\n"
            b"Q: When is gate two closed?\r\nA: From ten at night.\r\n"
        },
        "Who keeps the spare keys?",
        ("porter of gate two",),
        ("when is gate two closed",),
    ),
    Case(
        "a list of terms: questions and answers",
        {
            "ayuda.html": "<h1>Ayuda</h1><dl><dt>¿Dónde se tiran las pilas?</dt><dd>En el bidón verde del sótano.</dd>"
            "<dt>¿Y los tóneres?</dt><dd>Los recoge el proveedor.</dd></dl>".encode()
        },
        "¿Dónde se tiran las pilas?",
        ("bidón verde",),
    ),
    Case(
        "details that open",
        {
            "faq.html": b"<main><h1>FAQ</h1><details><summary><h3>Who waters the plants?</h3></summary><div>A gardener "
            b"comes on Fridays.</div></details><details><summary>Who pays her?</summary>The landlord "
            b"does.</details></main>"
        },
        "Who waters the plants?",
        ("gardener comes on fridays",),
    ),
    Case(
        "question and answer in one paragraph",
        {
            "faq.md": b"# Post\n\nWhere do I leave parcels? In the cage behind the lift.\n\n"
            b"Who signs for registered mail? Only Marta may sign.\n"
        },
        "Where do I leave parcels?",
        ("cage behind the lift",),
    ),
    Case(
        "a row of a table is one unit",
        {
            "stock.csv": b"Article,Price,Restock\nDesk lamp,31.00 USD,two weeks\nFoot rest,22.50 USD,three weeks\n"
            b"Standing desk,410.00 USD,seven weeks\nWhiteboard,95.00 USD,four weeks\n"
        },
        "How long is the restock of the standing desk?",
        ("seven weeks",),
        ("two weeks", "four weeks"),
    ),
    Case(
        "numbers, lists and objects of an object are kept",
        {
            "tarifas.jsonl": json.dumps(
                {
                    "question": "¿Cuánto cuesta la plaza de garaje?",
                    "answer": "Vea la cuota.",
                    "cuota": 47.25,
                    "activa": True,
                    "pasos": ["Rellene el impreso G", "Entréguelo a Pilar"],
                    "contacto": {"nombre": "Pilar"},
                },
                ensure_ascii=False,
            ).encode()
        },
        "¿Cuánto cuesta la plaza de garaje?",
        ("47.25",),
        text_holds=("impreso g", "pilar"),
    ),
    Case(
        "one row of a wide table, the column named",
        {
            "naves.md": f"# Naves\n\n| Nave | Portería | Alarma | Carga | Superficie "
            f"|\n|---|---|---|---|---|\n{_WAREHOUSES}".encode()
        },
        "¿Cuál es la alarma de Nave23?",
        ("8223",),
        ("7123",),
    ),
    Case(
        "a spreadsheet's empty columns and rows",
        {
            "turnos.csv": "Pregunta;Respuesta;;;\n¿Quién abre los sábados?;El encargado de "
            "tienda.;;;\n;;;;\n;;;;\n".encode()
        },
        "¿Quién abre los sábados?",
        ("encargado de tienda",),
    ),
    Case(
        "a first line sep=",
        {"wifi.csv": b"sep=,\r\nquestion,answer\r\nWhat is the guest network called?,It is called Heron.\r\n"},
        "What is the guest network called?",
        ("heron",),
        text_lacks=("sep=",),
    ),
    Case(
        "one ragged row, the others kept",
        {
            "salas.csv": "Pregunta;Respuesta\n¿Dónde está la sala Duero?;En la tercera;al fondo\n"
            "¿Quién limpia la sala Tajo?;La contrata de tardes.\n".encode()
        },
        "¿Quién limpia la sala Tajo?",
        ("contrata de tardes",),
        notice_holds=("2",),
    ),
    Case(
        "a table in Windows-1252",
        {"añadas.csv": "Año;Campaña\n2019;Vendimia temprana\n2021;Vendimia tardía, señalada\n".encode("cp1252")},
        text_holds=("campaña: vendimia tardía, señalada",),
    ),
    Case(
        "text in Windows-1252",
        {"aviso.txt": "El jamón se corta los miércoles – mañana, no.".encode("cp1252")},
        text_holds=("el jamón se corta los miércoles – mañana",),
    ),
    Case(
        "text in UTF-16 with its mark",
        {"aviso.txt": "La señal dura ocho días.".encode("utf-16")},
        text_holds=("la señal dura ocho días",),
    ),
    Case(
        "a page that declares its encoding",
        {
            "piscina.html": '<html><head><meta charset="windows-1252"><title>Piscina</title></head><body><p>La piscina '
            "abre en julio – sólo mañanas.</p></body></html>".encode("cp1252")
        },
        text_holds=("abre en julio – sólo mañanas",),
        title="Piscina",
    ),
    Case(
        "headings with a button inside",
        {
            "help.html": b'<div><h2>Cards</h2><h4><a role="button" href="#a" aria-controls="a" '
            b'aria-expanded="false">How do I unlock my card?</a></h4><div '
            b'hidden id="a"><p>Hold it to the blue post.</p></div><h4><button type="button"><span>What is a '
            b"new card?</span>"
            b"</button></h4><div><p>A new card is eight dollars.</p></div></div>"
        },
        "How do I unlock my card?",
        ("blue post",),
    ),
    Case(
        "a page inside one form",
        {
            "intranet.html": "<html><body><form action='/x'><input type=hidden name=__VIEWSTATE value=abc><div id=main>"
            "<h2>Mudanzas</h2><p>Las cajas se piden con ocho días.</p></div></form></body></html>".encode()
        },
        "¿Con cuánto tiempo se piden las cajas?",
        ("ocho días",),
        text_lacks=("abc",),
    ),
    Case(
        "a cell over several rows is carried down",
        {
            "tarifas.html": "<table><thead><tr><th>Isla</th><th>Envío</th><th>Coste</th></tr></thead><tbody><tr><td "
            "rowspan=3>Menorca</td><td>Barco</td><td>7 euros</td></tr><tr><td>Avión</td><td>19 euros</td></tr><tr>"
            "<td>Mensajero</td><td>44 euros</td></tr><tr><td rowspan=3>Ibiza</td><td>Barco</td><td>9 "
            "euros</td></tr><tr>"
            "<td>Avión</td><td>23 euros</td></tr><tr><td>Mensajero</td><td>51 euros</td></tr></tbody></table>".encode()
        },
        "¿Cuánto cuesta el envío por mensajero a Menorca?",
        ("44",),
        ("51 euros", "9 euros"),
    ),
    Case(
        "an XML declaration before a page",
        {
            "obra.html": '<?xml version="1.0" encoding="ISO-8859-1"?>\n<html '
            'xmlns="http://www.w3.org/1999/xhtml"><head>'
            "<title>Obra</title></head><body><p>La grúa se desmonta el día 9.</p></body></html>".encode("latin-1")
        },
        text_holds=("la grúa se desmonta el día 9",),
        title="Obra",
    ),
    Case(
        "soft hyphens and zero-width characters",
        {"norma.html": "<p>La indem&#173;nización por kilo&shy;metraje se abona&#x200B; en mayo.</p>".encode()},
        text_holds=("la indemnización por kilometraje se abona en mayo",),
    ),
    Case(
        "HTML inside Markdown",
        {
            "plans.md": b"# Plans\n\n<table>\n"
            b"<thead><tr><th>Tier</th><th>Fee</th></tr></thead>\n<tr><td>Silver</td><td>5 "
            b"dollars</td></tr>\n</table>\n\n<section>\n<p>Trainees pay no fee at all.</p>\n</section>\n"
        },
        "Do trainees pay a fee?",
        ("no fee",),
        text_holds=("tier: silver | fee: 5 dollars",),
    ),
    Case(
        "front matter as YAML writes it",
        {
            "a.md": b"---\n# interno\ntitle: |\n  Gastos\n  de viaje\ntags:\n  - finanzas # "
            b"todos\n---\n\nSe pagan en abril.\n"
        },
        title="Gastos de viaje",
        tags=("finanzas",),
        text_lacks=("interno",),
    ),
    Case(
        "front matter as TOML",
        {"a.md": b'+++\ntitle = "Company cars"\ntags = ["fleet"]\n+++\n\nCars are booked by phone.\n'},
        title="Company cars",
        tags=("fleet",),
        text_lacks=("+++",),
    ),
    Case(
        "a byte order mark before front matter",
        {"a.md": b"\xef\xbb\xbf---\r\ntitle: Lockers\r\n---\r\n\r\nLockers are cleared in June.\r\n"},
        title="Lockers",
        text_lacks=("---",),
    ),
    Case(
        "struck text is gone or marked",
        {"precio.md": b"# Abono\n\nEl abono mensual vale ~~18 euros~~ **21 euros** desde mayo.\n"},
        "¿Cuánto vale el abono mensual?",
        ("21 euros",),
        ("~~", "vale 18 euros"),
    ),
    Case(
        "one line of a plain list alone",
        {"phones.txt": b"FRONT DESKS\nLeeds: 8801\nYork: 8802\nHull: 8803\nRipon: 8804\nSelby: 8805\nWhitby: 8806\n"},
        "What is the front desk phone of Ripon?",
        ("8804",),
        ("hull", "8805"),
    ),
    Case(
        "a code in a heading: the text below it answers",
        {
            "codigos.md": "# Códigos de la caldera\n\n## E-104\n\nFalta presión. Abra la llave azul.\n\n## "
            "E-107\n\nSonda "
            "rota. Llame al técnico.\n\n## E-1040\n\nReloj sin pila. Cambie la pila.\n\n## F-22\n\nSalida "
            "de humos obstruida. "
            "Limpie el conducto.\n".encode()
        },
        "¿Qué hago con el error F-22?",
        ("limpie el conducto",),
        ("llave azul",),
    ),
    Case(
        "a code beside one that begins as it does",
        {
            "codes.md": b"# Printer\n\n## PC-41\n\nOut of paper. Fill tray one.\n\n## PC-410\n\nLid open. "
            b"Close the lid.\n"
        },
        "What does PC-41 mean?",
        ("out of paper",),
        ("close the lid",),
    ),
    Case(
        "two versions of one policy: the newer, or both with their years",
        {
            "old.md": b"# Meal policy (2022)\n\nThe meal limit is 14 dollars a day. Managers approve it.\n",
            "new.md": b"# Meal policy (2026)\n\nThe meal limit is 19 dollars a day. Managers approve it.\n",
        },
        "What is the meal limit a day?",
        ("2026",),
    ),
    Case(
        "Spanish of little words that English has too",
        {"horario.md": "# Biblioteca\n\nLunes a viernes: 9:00 a 14:00.\n\nSábados: no abre.\n".encode()},
        language="es",
    ),
    Case(
        "a cell of several lines",
        {
            "pasos.csv": '"Pregunta","Respuesta"\n"¿Cómo se purga el radiador?","Cierre la llave.\nAbra el purgador.\n'
            'Espere el agua."\n'.encode()
        },
        "¿Cómo se purga el radiador?",
        ("abra el purgador",),
    ),
    Case(
        "lines wrapped by hand",
        {"nota.txt": b"The van is washed every\r\nsecond Monday of the month.\r\n\r\nThe truck is not.\r\n"},
        text_holds=("washed every second monday of the month",),
    ),
)
