"""Words by which Spanish and English are told apart in titles, opening hours, price and telephone lists.

Beside the little words of `text.py`: days, months and nouns of offices, and the words that public help pages in one
language have often and those in the other hardly ever. A word that both languages write stands in neither.
"""

SPANISH_WORDS = frozenset(
    """lunes martes miércoles miercoles jueves viernes sábado sabado domingo sábados domingos festivos enero
    febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre horario horarios turno
    turnos mañana tarde noche teléfono telefono teléfonos correo precio precios plazo pago pagos factura
    facturas pedido pedidos recepción almacén oficina sede calle planta sala cerrado abierto abierta cerrada
    festivo verano invierno día días dia dias hora horas semana semanas mes meses año años nombre fecha
    importe unidad unidades cliente clientes empresa producto productos contraseña usuario usuarios seguridad
    garantía envío devolución solicitud ventas compras contacto resumen aviso normas permisos nóminas nómina
    gastos viaje impresora tarjeta qué datos crear configuración configurar trabajo ver creación usar uso
    aplicación información tiempo solo todos eso estoy informes agregar fue vez todo aquí servicio estaba
    acceso informe administración grupo aplicaciones entre cuenta nuevo obtener dos casa lista estado mediante
    contenido dispositivos página proyecto versión archivo nueva mucho algo electrónico ahora eliminar
    actualización archivos gusta después antes cambiar bien soy sitio editar nada cada nunca servidor
    habilitar favor era hace registro problemas directiva tan actualizar prueba paso estás debe siempre
    también tienes línea puedes sesión mejor forma detalles vista tipo organización durante dispositivo todas
    conexión registros implementación administrar tipos flujo sistema recursos hoy han actividad mismo creo
    opciones equipo vida quiere plantilla libro ellos grupos eres voy hablar disponible demasiado integración
    verdad problema nadie búsqueda perfil uno servicios así añadir requisitos actualizaciones empresarial
    mundo administrador tener tareas número necesita asignación tres personas elementos alguna proceso había
    francés usted tienen campos otros nube menos código nivel ejemplo asignar poco estar disponibles modelo
    dijo inicio varios tenía quieres mensajes funciones estos entorno cumplimiento ayuda reglas parte otra""".split()
)
ENGLISH_WORDS = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday mondays sundays january february march april june
    july august september october november december hours opening open closed shift shifts morning afternoon
    evening night phone phones mail price prices delivery payment payments invoice invoices order orders desk
    warehouse office branch street floor room holiday holidays summer winter day days hour week weeks month
    months year years name date amount unit units customer customers company product products password user
    users security warranty shipping return request sales staff contact summary notice rules leave payroll
    expenses travel printer card mon tue wed thu fri sat sun create all add like about new using time get know
    see set more one view out access him only work custom update any very here file site other page going make
    think change than enable help content were some after now application available step people just settings
    support edit good into delete take must key account too group device cluster never them list used manage
    find first right before two policy let version last home tell same upgrade still install something
    really existing different over each may client type between run always way got details code template today
    through multiple made understand well give life remove off love node book files best school network say
    lot also most supported status left updates task look assign form three default anything level house won
    stop health extension down care types read then number migration eat such specific french call while
    check being test said learn environment benefits speak send select process tomorrow sure organization old
    every start permissions""".split()
)
SHARED_WORDS = frozenset("a no me he has".split())
"""Little words of both languages, which tell nothing."""
